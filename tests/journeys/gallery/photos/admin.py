from django.contrib import admin

from photos.models import Photo, Report

admin.site.register([Photo, Report])
