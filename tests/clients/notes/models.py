"""What is stored."""

from django.conf import settings
from django.db import models


class Note(models.Model):
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notes")
    title = models.CharField(max_length=200)
    shared_with = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="shared_notes")

    class Meta:
        ordering = ["id"]


class Row(models.Model):
    """What nobody guards: for queries."""

    name = models.CharField(max_length=200, null=True, blank=True)
    age = models.IntegerField(null=True)
    score = models.FloatField(null=True)
    active = models.BooleanField(null=True)

    class Meta:
        ordering = ["id"]
