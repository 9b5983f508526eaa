"""The nightly job: counts what there is."""

from django.core.management.base import BaseCommand

from photos.models import Photo, Report


class Command(BaseCommand):
    def handle(self, **options: object) -> None:
        report = Report.objects.create(photos=Photo.objects.count(), digested=Photo.objects.exclude(digest="").count())
        self.stdout.write(f"nightly counted {report.photos} photos")
