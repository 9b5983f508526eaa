from django.db import models


class Photo(models.Model):
    title = models.CharField(max_length=100)
    file = models.FileField(upload_to="photos")
    created_at = models.DateTimeField(auto_now_add=True)
    digest = models.CharField(max_length=64, blank=True)
    """SHA-256, which the worker computes."""


class Report(models.Model):
    """What the nightly job counted."""

    created_at = models.DateTimeField(auto_now_add=True)
    photos = models.IntegerField()
    digested = models.IntegerField()
