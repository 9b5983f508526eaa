"""Serve PHP with lighttpd and php-cgi, the web server and the FastCGI program of Debian. PHP's own server is for development."""

from knative.builder.planning.addresses import BIND
from knative.builder.planning.plan import Step

CONFIGURATION = ".capsule/lighttpd.conf"
START = (
    f'env CAPSULE_BIND="{BIND}" CAPSULE_FOLDER="$PWD" TMPDIR="${{TMPDIR:-/tmp}}" WEB_CONCURRENCY="${{WEB_CONCURRENCY:-4}}" '
    f"/usr/sbin/lighttpd -D -f {CONFIGURATION}"
)
MISSING = "PHP applications need lighttpd and php-cgi on this machine. Its operator installs them: apt-get install lighttpd php-cgi"
TYPES = {
    "html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8", "json": "application/json",
    "map": "application/json", "xml": "text/xml", "txt": "text/plain; charset=utf-8",
    "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "avif": "image/avif",
    "ico": "image/x-icon", "woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf", "otf": "font/otf", "pdf": "application/pdf", 
    "mp4": "video/mp4",
    "webm": "video/webm", "mp3": "audio/mpeg", "wasm": "application/wasm", "webmanifest": "application/manifest+json",
}  # fmt: skip
"""Media types of files by their endings (IANA)."""


def server_step(root: str, directory: str) -> Step:
    """Return the step that writes the web server's configuration. `root`: the folder to serve, "" for the application's own.

    Paths without a file go to index.php, and hidden files are not served.
    """
    types = ", ".join(f'".{ending}" => "{name}"' for ending, name in TYPES.items())
    folder = f"/{root}" if root else ""
    configuration = f"""\
server.modules = ("mod_access", "mod_fastcgi")
server.document-root = env.CAPSULE_FOLDER + "{folder}"
server.bind = env.CAPSULE_BIND
server.port = env.PORT
server.tag = ""
server.upload-dirs = (env.TMPDIR)
server.max-request-size = 0
server.error-handler-404 = "/index.php"
index-file.names = ("index.php", "index.html")
static-file.exclude-extensions = (".php")
$HTTP["url"] =~ "/\\.(?!well-known/)" {{ url.access-deny = ("") }}
fastcgi.server = (".php" => ((
    "bin-path" => "/usr/bin/php-cgi -d display_errors=0 -d log_errors=1 -d session.save_path=" + env.TMPDIR,
    "socket" => env.TMPDIR + "/php.socket", "max-procs" => 1,
    "bin-environment" => ("PHP_FCGI_CHILDREN" => env.WEB_CONCURRENCY, "PHP_FCGI_MAX_REQUESTS" => "1000"),
)))
mimetype.assign = ({types}, "" => "application/octet-stream")
"""
    check = f"for program in /usr/sbin/lighttpd /usr/bin/php-cgi; do [ -x $program ] || {{ echo '{MISSING}' >&2; exit 1; }}; done"
    line = f"{check}\nmkdir -p .capsule && cat > {CONFIGURATION} <<'END'\n{configuration}END"
    return Step("Configuring the web server", ("sh", "-c", line), directory=directory)
