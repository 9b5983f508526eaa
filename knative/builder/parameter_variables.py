"""The environment variables that builds read. An operator sets the limits in `knative/overlays/local/build-job.yaml`; deploy sets the others."""

from functions.wire.settings import Section, Setting, forms

READER = "builds"
MAX_MIB, MAX_SECONDS = 1 << 20, 24 * 3600

SOURCE_MIB = Setting("LIMIT_SOURCE_MIB", forms.whole_number(1, MAX_MIB, "MiB"), "The largest repository.", default="256")
IMAGE_MIB = Setting("LIMIT_IMAGE_MIB", forms.whole_number(1, MAX_MIB, "MiB"), "The largest image without an own root file system.", default="1024")
ROOT_IMAGE_MIB = Setting(
    "LIMIT_ROOT_IMAGE_MIB", forms.whole_number(1, MAX_MIB, "MiB"), "The largest image of a Dockerfile or a registry.", default="3072"
)
CACHE_MIB = Setting("LIMIT_CACHE_MIB", forms.whole_number(0, MAX_MIB, "MiB"), "The largest build cache of an application.", default="1024")
SECONDS = Setting("LIMIT_SECONDS", forms.whole_number(1, MAX_SECONDS, "seconds"), "How long a build may take.", default="600")

IMAGE = Setting("IMAGE", forms.text("a reference"), "The reference that the image gets.", default=None)
REPOSITORY = Setting("REPOSITORY", forms.text("a URL"), "The repository.")
REF = Setting("REF", forms.text("a branch, tag or commit"), "What is built.", default_note="the default branch")
APPLICATION = Setting("APPLICATION", forms.text("a name"), "The application.")
REPOSITORY_HOSTS = Setting("REPOSITORY_HOSTS", forms.words("hosts"), "Private hosts that may be cloned from, see `CAPSULE_REPOSITORY_HOSTS`.")
BUILD_ENVIRONMENT = Setting("BUILD_ENVIRONMENT", forms.words("names of variables"), "Which variables installers see, see `CAPSULE_BUILD_ENV`.")
BASE_DIRECTORY = Setting("BASE_DIRECTORY", forms.text("a path"), "The application's folder in the repository.")
BUILDER = Setting("BUILDER", forms.one_of("", "auto", "native", "dockerfile", "buildpack"), "How the image is made.", default_note="`auto`")
BUILD_COMMAND = Setting("BUILD_COMMAND", forms.text("a command"), "The application's own build command.")
START_COMMAND = Setting("START_COMMAND", forms.text("a command"), "The application's own start command.")
RELEASE_COMMAND = Setting("RELEASE_COMMAND", forms.text("a command"), "The application's own release command.")
IMAGE_REFERENCE = Setting("IMAGE_REFERENCE", forms.text("a reference"), "The image of a registry that the application runs, instead of a repository.")
CACHE = Setting("CACHE", forms.text("a path"), "The folder of the build cache.", default="/cache")
WORKSPACE = Setting("WORKSPACE", forms.text("a path"), "The folder of the source.", default="/workspace")
CLONE_FOLDER = Setting("CLONE_FOLDER", forms.text("a path"), "The folder of the clone's container alone.", default="/tmp/clone")
TERMINATION_LOG = Setting("TERMINATION_LOG", forms.text("a path"), "The file of the build's result.", default="/dev/termination-log")

BUILDS_IMAGES = Setting("CAPSULE_BUILDS_IMAGES", forms.switch("1", "0"), "`1` where a build's sandbox allows builds of Dockerfiles.", default="0")

SECTIONS = (
    Section(
        "Limits of builds",
        READER,
        "In the template of the build Job, `knative/overlays/local/build-job.yaml`. They take effect at the next build.",
        (SOURCE_MIB, IMAGE_MIB, ROOT_IMAGE_MIB, CACHE_MIB, SECONDS),
    ),
    Section(
        "Set by Capsule for builds",
        READER,
        "Deploy and the template of the build Job set them. Do not set them yourself.",
        (
            IMAGE, REPOSITORY, REF, APPLICATION, REPOSITORY_HOSTS, BUILD_ENVIRONMENT, BASE_DIRECTORY, BUILDER, BUILD_COMMAND, START_COMMAND,
            RELEASE_COMMAND, IMAGE_REFERENCE, CACHE, WORKSPACE, CLONE_FOLDER, TERMINATION_LOG, BUILDS_IMAGES,
        ),
    ),
)  # fmt: skip
