"""Upload photos, list them, and read what the worker and the nightly job made of them."""

from functools import partial

from django.core.cache import cache
from django.db import connection, transaction
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from photos import jobs
from photos.models import Photo, Report


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    cache.add("visits", 0, timeout=None)
    tables = connection.introspection.table_names()
    return JsonResponse({"secure": request.is_secure(), "host": request.get_host(), "visits": cache.incr("visits"), "tables": len(tables)})


@csrf_exempt
@require_http_methods(["GET", "POST"])
def photos(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return JsonResponse({"photos": list(Photo.objects.order_by("id").values("id", "title", "digest"))})
    with transaction.atomic():
        photo = Photo.objects.create(title=request.POST["title"], file=request.FILES["file"])
        transaction.on_commit(partial(jobs.put, photo.pk))
    return JsonResponse({"id": photo.pk}, status=201)


@require_GET
def content(request: HttpRequest, number: int) -> HttpResponse:
    return FileResponse(get_object_or_404(Photo, pk=number).file.open())


@require_GET
def reports(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"reports": list(Report.objects.order_by("id").values("photos", "digested"))})
