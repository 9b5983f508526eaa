"""A repository with a Dockerfile becomes an image with a root file system of its own, which runs as its USER on its EXPOSEd port."""

from tests.knative.containers.conftest import ImageMachine, busybox

CGI = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
id -u; pwd; stat -c %U /data; echo $GREETING
touch /data/written && echo wrote
"""
DOCKERFILE = """# syntax=docker/dockerfile:1
FROM scratch AS tools
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]

FROM tools AS web
ARG GREETING=none
ENV GREETING=$GREETING
RUN <<END
mkdir -p /etc /data /srv/cgi-bin
echo 'root:x:0:0:root:/root:/bin/sh' > /etc/passwd
echo 'web:x:4711:4712::/data:/bin/sh' >> /etc/passwd
END
COPY <<'END' /srv/document
from a $here-document
END
RUN --mount=type=secret,id=TOKEN cat /run/secrets/TOKEN && wc -c < /run/secrets/TOKEN > /srv/length && chown -R 4711:4712 /data
COPY . /context
COPY --link --chmod=755 page.sh /srv/cgi-bin/page
USER web
WORKDIR /srv
EXPOSE 80
HEALTHCHECK --start-interval=5s CMD wget -q localhost
ENTRYPOINT ["httpd", "-f", "-p", "80"]
CMD ["-h", "/srv"]
"""


def test_a_dockerfile_runs(image_machine: ImageMachine) -> None:
    files = {"Dockerfile": DOCKERFILE, "busybox": busybox(), "page.sh": CGI, ".dockerignore": "ignored*\n", "ignored.txt": "x", "kept.txt": "x"}
    mounts = {"variables": {"GREETING": "hello", "UNDECLARED": "x"}, "secrets": {"TOKEN": "hunter2-hunter2"}}
    built = image_machine.build(files, mounts)
    assert built.code == 0, built.log
    assert (built.message["kind"], built.message["port"], len(built.message["commit"])) == ("dockerfile", "80", 40)
    assert "HEALTHCHECK is not used" in built.log and "hunter2" not in built.log
    service = image_machine.serve(built)
    with image_machine.machine.http(service) as http:
        assert http.get("/cgi-bin/page").text.split() == ["4711", "/srv/cgi-bin", "web", "hello", "wrote"]
        assert http.get("/document").text == "from a $here-document\n"
        assert http.get("/length").text.strip() == "15"
