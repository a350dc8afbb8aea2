"""Who may do what: a user sees the notes that are its own or shared with it, and changes only its own.

What it may not see is 404, not 403. With whom a note is shared, only its owner reads.
"""

from django.contrib.auth import get_user_model
from django.db.models import Q
from django_filters import rest_framework as filters
from rest_framework import pagination, permissions, serializers, viewsets
from rest_framework.filters import OrderingFilter

from notes.models import Note, Row


class NoteSerializer(serializers.ModelSerializer):
    owner = serializers.PrimaryKeyRelatedField(queryset=get_user_model().objects.all(), required=False)

    class Meta:
        model = Note
        fields = ["id", "owner", "title", "shared_with"]

    def to_representation(self, note):
        shown = super().to_representation(note)
        if note.owner != self.context["request"].user:
            del shown["shared_with"]
        return shown


class IsOwner(permissions.BasePermission):
    def has_object_permission(self, request, view, note):
        return request.method in permissions.SAFE_METHODS or note.owner == request.user


class NoteViewSet(viewsets.ModelViewSet):
    serializer_class = NoteSerializer
    permission_classes = [permissions.IsAuthenticated, IsOwner]

    def get_queryset(self):
        user = self.request.user
        return Note.objects.filter(Q(owner=user) | Q(shared_with=user)).distinct()

    def perform_create(self, serializer):
        serializer.save(owner=self.request.user)


class Rows(serializers.ModelSerializer):
    class Meta:
        model = Row
        fields = ["id", "name", "age", "score", "active"]


ORDERS = ["exact", "gt", "gte", "lt", "lte", "in", "isnull"]


class RowFilter(filters.FilterSet):
    class Meta:
        model = Row
        fields = {
            "id": ORDERS,
            "name": [*ORDERS, "icontains", "istartswith", "iendswith"],
            "age": ORDERS,
            "score": ORDERS,
            "active": ["exact", "isnull"],
        }


class RowPagination(pagination.LimitOffsetPagination):
    default_limit = 100


class RowViewSet(viewsets.ModelViewSet):
    queryset = Row.objects.all()
    serializer_class = Rows
    authentication_classes = []
    permission_classes = []
    pagination_class = RowPagination
    filter_backends = [filters.DjangoFilterBackend, OrderingFilter]
    filterset_class = RowFilter
    ordering_fields = "__all__"
