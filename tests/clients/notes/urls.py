"""Where it is: the API with the trailing slashes that Django likes, its two logins, and the files of a page."""

from django.conf import settings
from django.urls import include, path
from django.views.static import serve
from rest_framework.routers import DefaultRouter
from rest_framework_simplejwt.views import token_obtain_pair, token_refresh

from notes.api import NoteViewSet, RowViewSet

router = DefaultRouter()
router.register("notes", NoteViewSet, basename="note")
router.register("rows", RowViewSet)

urlpatterns = [
    path("api/", include(router.urls)),
    path("api/token/", token_obtain_pair),
    path("api/token/refresh/", token_refresh),
    path("<path:path>", serve, {"document_root": settings.PAGES}),
]
