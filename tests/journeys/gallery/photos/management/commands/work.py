"""The worker: computes the digests of uploaded files."""

import hashlib
import signal

from django.core.management.base import BaseCommand

from photos import jobs
from photos.models import Photo


class Command(BaseCommand):
    def handle(self, **options: object) -> None:
        self.is_stopping = False
        signal.signal(signal.SIGTERM, self.stop)
        queue = jobs.connect()
        while queue.lmove(jobs.IN_PROGRESS, jobs.WAITING, "RIGHT", "RIGHT"):
            pass  # of a worker that was killed
        self.stdout.write("worker waits for jobs")
        while not self.is_stopping:
            number = queue.blmove(jobs.WAITING, jobs.IN_PROGRESS, 1, "RIGHT", "LEFT")
            if number is not None:
                self.work(int(number))
                queue.lrem(jobs.IN_PROGRESS, 1, number)

    def work(self, number: int) -> None:
        photo = Photo.objects.filter(pk=number).first()
        if photo is None:  # a restored queue may be of a later moment than the restored database
            self.stdout.write(f"photo {number} does not exist")
            return
        with photo.file.open() as file:
            photo.digest = hashlib.file_digest(file, "sha256").hexdigest()
        photo.save(update_fields=["digest"])
        self.stdout.write(f"worker digested photo {number}")

    def stop(self, *_: object) -> None:
        self.is_stopping = True
