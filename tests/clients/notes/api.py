"""Who may do what: a user sees the notes that are its own or shared with it, and changes only its own.

What it may not see is 404, not 403. With whom a note is shared, only its owner reads.
"""

from django.contrib.auth import get_user_model
from django.db.models import Q
from rest_framework import permissions, serializers, viewsets

from notes.models import Note


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
