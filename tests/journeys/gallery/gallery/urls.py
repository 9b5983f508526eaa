from django.contrib import admin
from django.urls import path
from photos import views

urlpatterns = [
    path("", views.index),
    path("photos", views.photos),
    path("photos/<int:number>/file", views.content),
    path("reports", views.reports),
    path("admin/", admin.site.urls),
]
