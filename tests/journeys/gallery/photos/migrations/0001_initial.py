from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = (
        migrations.CreateModel(
            name="Photo",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("title", models.CharField(max_length=100)),
                ("file", models.FileField(upload_to="photos")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("digest", models.CharField(max_length=64, blank=True)),
            ],
        ),
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("photos", models.IntegerField()),
                ("digested", models.IntegerField()),
            ],
        ),
    )
