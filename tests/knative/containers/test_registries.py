"""Base images and applications from registries, and everything that a Dockerfile may say about its start."""

from collections.abc import Iterator

import pytest

from tests.knative.containers.conftest import Built, ImageMachine
from tests.knative.containers.registry import PASSWORD, USER, Registry, registry
from tests.proof import proof

pytestmark = proof("dockerfiles")
FROM = "FROM base:1\n"


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("public") / "registry") as found:
        yield found


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("private") / "registry", is_private=True) as found:
        yield found


def build(image_machine: ImageMachine, mirror: Registry, text: str, **variables: str) -> Built:
    return image_machine.build({"Dockerfile": FROM + text, "page.txt": "the page"}, REGISTRY_MIRROR=f"http://{mirror.host}", **variables)


def test_an_image_is_pulled_by_tag_and_by_digest(image_machine: ImageMachine, public: Registry) -> None:
    mirror = f"http://{public.host}"
    by_tag = image_machine.build(IMAGE_REFERENCE="base:1", REGISTRY_MIRROR=mirror)
    assert (by_tag.message["kind"], by_tag.message["commit"]) == ("image", public.digest), by_tag.log
    assert image_machine.get(by_tag) == "hello\n"
    by_digest = image_machine.build(IMAGE_REFERENCE=f"docker.io/library/base@sha256:{public.digest}", REGISTRY_MIRROR=mirror)
    assert by_digest.message["image"] == by_tag.message["image"], "equal content is the same image"
    wrong = image_machine.build(IMAGE_REFERENCE=f"base@sha256:{'0' * 64}", REGISTRY_MIRROR=mirror)
    assert wrong.reason.startswith("image-unavailable: "), wrong.log


def test_a_private_registry_asks_for_credentials_which_stay_secret(image_machine: ImageMachine, private: Registry) -> None:
    reference = f"{private.host}/library/base:1"
    refused = image_machine.build(IMAGE_REFERENCE=reference, HOSTS=private.host)
    assert "does not exist or is private" in refused.reason and "REGISTRY_USERNAME" in refused.reason, refused.log
    credentials = {"variables": {"REGISTRY_USERNAME": USER}, "secrets": {"REGISTRY_PASSWORD": PASSWORD}}
    built = image_machine.build(mounts=credentials, IMAGE_REFERENCE=reference, HOSTS=private.host)
    assert built.code == 0 and PASSWORD not in built.log, built.log
    server = {**credentials, "variables": {"REGISTRY_USERNAME": USER, "REGISTRY_SERVER": private.host}}
    from_private = image_machine.build({"Dockerfile": f"FROM {reference}\n"}, server, HOSTS=private.host)
    assert from_private.code == 0 and PASSWORD not in from_private.log, from_private.log


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('COPY page.txt /www/\nENTRYPOINT ["/bin/httpd", "-f", "-h", "/www"]\nCMD ["-p", "8080"]\nEXPOSE 8080\nRUN rm /bin/sh\n', "the page"),
        ("COPY page.txt /www/\nENTRYPOINT exec httpd -f -h /www -p $PORT\n", "the page"),
        ("RUN echo 'web:x:33:33::/:/bin/sh' >> /etc/passwd\nCMD su web -c 'id -u > /tmp/page.txt' && exec httpd -f -h /tmp -p $PORT\n", "33\n"),
        (
            "RUN echo 'web:x:9:9::/own:/bin/sh' >> /etc/passwd && mkdir /own && chown web /own\nUSER web\n"
            "CMD id -un > /own/page.txt; httpd -f -h /own -p $PORT\n",
            "web\n",
        ),
        ("RUN ln -s /elsewhere /proc2 && rm -rf /tmp && ln -s /etc /tmp\nCOPY page.txt /www/\n", "the page"),
        ("WORKDIR /not/there/yet\nCMD pwd > /www/page.txt; exec httpd -f -h /www -p $PORT\n", "/not/there/yet\n"),
        ("ADD page.txt /www/page.txt\nENV PORT=3456\nEXPOSE 80 443\nCMD exec httpd -f -h /www -p 3456\n", "the page"),
    ],
)
def test_what_a_dockerfile_says_about_its_start_holds(image_machine: ImageMachine, public: Registry, text: str, answer: str) -> None:
    assert image_machine.get(build(image_machine, public, text), "/page.txt") == answer


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "RUN echo first; echo it is broken >&2; exit 3\n",
            "build-failed: Dockerfile: `RUN echo first; echo it is broken >&2; exit 3` failed with exit code 3.",
        ),
        ("COPY nothing /x\n", "build-failed: Dockerfile: `COPY nothing /x` found nothing to copy."),
        ("FROM base:2\n", "image-unavailable: "),
        ("RUNN x\n", "build-failed: Dockerfile: RUNN is not an instruction."),
        (
            "ADD http://127.0.0.1:1/x /x\n",
            "build-failed: Dockerfile: `ADD http://127.0.0.1:1/x /x` cannot fetch http://127.0.0.1:1/x: connection refused.",
        ),
        ("USER nobody1\n", 'build-failed: USER nobody1: the image has no user "nobody1".'),
        ("FROM scratch\nCOPY page.txt /\n", "build-failed: The Dockerfile has neither CMD nor ENTRYPOINT"),
        ("RUN --mount=type=secret,id=TOKEN,required=true true\n", "build-failed: The Dockerfile requires the secret TOKEN, which is not set"),
        ("RUN head -c 100000000 /dev/zero > /big\n", "too-large: "),
    ],
)
def test_a_failure_says_what_to_change(image_machine: ImageMachine, public: Registry, text: str, reason: str) -> None:
    built = build(image_machine, public, text, LIMIT_ROOT_IMAGE_MIB="64")
    assert built.code == 1 and built.reason.startswith(reason), built.log


def test_a_build_that_fills_its_disk_says_so(image_machine: ImageMachine, public: Registry) -> None:
    files: dict[str, str | bytes] = {"Dockerfile": FROM + "RUN head -c 300000000 /dev/zero > /big\n"}
    built = image_machine.build(files, disk="192Mi", REGISTRY_MIRROR=f"http://{public.host}")
    assert built.reason.startswith("too-large: The Dockerfile needs more disk than a build has"), built.log


def test_a_secret_is_in_no_file_of_the_image(image_machine: ImageMachine, public: Registry) -> None:
    text = "ARG TOKEN\nRUN --mount=type=secret,id=TOKEN test $(wc -c < /run/secrets/TOKEN) = 15 && test -z $TOKEN\n"
    mounts = {"secrets": {"TOKEN": PASSWORD}}
    built = image_machine.build({"Dockerfile": FROM + text}, mounts, REGISTRY_MIRROR=f"http://{public.host}")
    assert built.code == 0 and "ARG TOKEN gets no value" in built.log, built.log
    folder = image_machine.machine.home / "knative/images/apps" / image_machine.namespace / built.message["image"].rpartition(":")[2]
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert files and not [path for path in files if PASSWORD.encode() in path.read_bytes()]
