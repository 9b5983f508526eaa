"""One repository for each language, with a dependency that its package manager takes from the repository: no index is needed.

Each answers `<nonce> from <dependency>`. A repository is a mapping of paths to contents; lock files are written by the
package manager itself.
"""

import base64
import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from knative.machine.packages import Tool, on_path

Files = Mapping[str, bytes]
GREETING = "from the dependency"
DEBIAN_MAVEN = Path("/usr/share/maven-repo")
"""Maven's plugins as Debian packages: a repository without an index."""
PLUGINS = DEBIAN_MAVEN / "org/apache/maven/plugins"


def read_files(folder: Path) -> Files:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def run(folder: Path, *command: str, **variables: str) -> None:
    process = subprocess.run(command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


def wheel(name: str, version: str, files: Mapping[str, str]) -> bytes:
    """Return a pure wheel (https://packaging.python.org/specifications/binary-distribution-format/)."""
    info = f"{name}-{version}.dist-info"
    contents = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = io.StringIO()
    writer = csv.writer(record, lineterminator="\n")
    for path, text in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        writer.writerow([path, f"sha256={digest}", len(text.encode())])
    writer.writerow([f"{info}/RECORD", "", ""])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for path, text in {**contents, f"{info}/RECORD": record.getvalue()}.items():
            packed.writestr(path, text)
    return archive.getvalue()


def npm_package(name: str, version: str, files: Mapping[str, str]) -> bytes:
    """Return a package as `npm pack` makes it: a compressed tar file with the folder `package`."""
    archive = io.BytesIO()
    manifest = json.dumps({"name": name, "version": version, "main": "index.js"})
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        for path, text in {"package.json": manifest, **files}.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(text.encode())
            packed.addfile(entry, io.BytesIO(text.encode()))
    return archive.getvalue()


def python(folder: Path, nonce: str) -> Files:
    """Requirements from wheels in the repository."""
    server = f"""
import http.server, os
import greeting
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(f"{nonce} {{greeting.TEXT}}".encode())
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
    files = {
        "requirements.txt": "--no-index\n--find-links wheels\ngreeting==1.0\n",
        "wheels/greeting-1.0-py3-none-any.whl": wheel("greeting", "1.0", {"greeting.py": f"TEXT = {GREETING!r}\n"}),
        "main.py": server,
    }
    return read_files(write_files(folder, files))


def node(folder: Path, nonce: str) -> Files:
    """A dependency that is a file in the repository, with npm's lock file."""
    server = f"require('http').createServer((_, response) => response.end('{nonce} ' + require('greeting'))).listen(process.env.PORT, '127.0.0.1')"
    manifest = {
        "name": "sample", "version": "1.0.0", "private": True,
        "scripts": {"start": "node server.js"}, "dependencies": {"greeting": "file:packages/greeting-1.0.0.tgz"},
    }  # fmt: skip
    package = npm_package("greeting", "1.0.0", {"index.js": f"module.exports = {GREETING!r}\n"})
    write_files(folder, {"package.json": json.dumps(manifest), "packages/greeting-1.0.0.tgz": package, "server.js": server})
    run(folder, "npm", "install", "--package-lock-only", "--offline", "--no-audit")
    return read_files(folder)


def go(folder: Path, nonce: str) -> Files:
    """A vendored module."""
    server = f"""package main

import (
	"fmt"
	"net"
	"os"

	"example.com/greeting"
)

func main() {{
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {{
		panic(err)
	}}
	body := "{nonce} " + greeting.Text
	for {{
		connection, err := listener.Accept()
		if err != nil {{
			panic(err)
		}}
		connection.Read(make([]byte, 4096))
		fmt.Fprintf(connection, "HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n", len(body))
		fmt.Fprintf(connection, "Connection: close\\r\\n\\r\\n%s", body)
		connection.Close()
	}}
}}
"""
    files = {
        "go.mod": "module example.com/sample\n\ngo 1.19\n\nrequire example.com/greeting v1.0.0\n",
        "main.go": server,
        "vendor/modules.txt": "# example.com/greeting v1.0.0\n## explicit; go 1.19\nexample.com/greeting\n",
        "vendor/example.com/greeting/greeting.go": f'package greeting\n\nconst Text = "{GREETING}"\n',
    }
    return read_files(write_files(folder, files))


def ruby(folder: Path, nonce: str) -> Files:
    """A gem in vendor/cache, with Bundler's lock file."""
    gem = write_files(folder / "gem", {
        "greeting.gemspec": """Gem::Specification.new do |gem|
  gem.name, gem.version, gem.summary, gem.authors, gem.files = "greeting", "1.0.0", "x", ["x"], ["lib/greeting.rb"]
end
""",
        "lib/greeting.rb": f'GREETING = "{GREETING}"\n',
    })  # fmt: skip
    server = f"""require "socket"
require "greeting"
$stdout.sync = true
server = TCPServer.new("127.0.0.1", Integer(ENV.fetch("PORT")))
trap("TERM") {{ exit }}
loop do
  connection = server.accept
  connection.readpartial(4096)
  body = "{nonce} #{{GREETING}}"
  connection.write("HTTP/1.1 200 OK\\r\\nContent-Length: #{{body.bytesize}}\\r\\nConnection: close\\r\\n\\r\\n#{{body}}")
  connection.close
end
"""
    lock = (
        "GEM\n  remote: https://rubygems.org/\n  specs:\n    greeting (1.0.0)\n\nPLATFORMS\n  ruby\n  x86_64-linux\n\n"
        "DEPENDENCIES\n  greeting\n\nBUNDLED WITH\n   2.3.15\n"
    )
    run(gem, "gem", "build", "greeting.gemspec")
    application = folder / "application"
    files = {
        "Gemfile": 'source "https://rubygems.org"\ngem "greeting"\n',
        "Gemfile.lock": lock,
        "app.rb": server,
        "Procfile": "web: bundle exec ruby app.rb\n",
        "vendor/cache/greeting-1.0.0.gem": (gem / "greeting-1.0.0.gem").read_bytes(),
    }
    return read_files(write_files(application, files))


def php(folder: Path, nonce: str) -> Files:
    """A package from an artifact repository (a folder of zip files), with Composer's lock file."""
    package = io.BytesIO()
    manifest = {"name": "example/greeting", "version": "1.0.0", "autoload": {"files": ["greeting.php"]}}
    with zipfile.ZipFile(package, "w") as packed:
        packed.writestr("composer.json", json.dumps(manifest))
        packed.writestr("greeting.php", f'<?php const GREETING = "{GREETING}";\n')
    composer = {
        "name": "example/sample",
        "repositories": [{"type": "artifact", "url": "artifacts"}, {"packagist.org": False}],
        "require": {"php": "^8.1", "example/greeting": "1.0.0"},
    }
    index = f'<?php require __DIR__ . "/../vendor/autoload.php"; echo "{nonce} " . GREETING;\n'
    files = {"composer.json": json.dumps(composer), "public/index.php": index, "artifacts/greeting-1.0.0.zip": package.getvalue()}
    write_files(folder, files)
    run(
        folder,
        "composer",
        "update",
        "--no-install",
        "--no-interaction",
        COMPOSER_ALLOW_SUPERUSER="1",
        COMPOSER_DISABLE_NETWORK="1",
        COMPOSER_HOME=str(folder / ".composer"),
    )
    shutil.rmtree(folder / ".composer", ignore_errors=True)
    return read_files(folder)


def java(folder: Path, nonce: str) -> Files:
    """A dependency from a Maven repository in the repository (`file://`), plugins from Debian's."""
    source = f"""package sample;

import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

public class Main {{
    public static void main(String[] arguments) throws Exception {{
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 0);
        byte[] body = ("{nonce} " + greeting.Greeting.TEXT).getBytes();
        server.createContext("/", exchange -> {{
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        }});
        server.start();
    }}
}}
"""
    plugins = {name: sorted((PLUGINS / f"maven-{name}-plugin").glob("[0-9]*"))[-1].name for name in ("compiler", "jar", "resources", "surefire")}
    entries = "".join(
        f"<plugin><artifactId>maven-{name}-plugin</artifactId><version>{version}</version></plugin>" for name, version in plugins.items()
    )
    coordinates = "<groupId>example</groupId><artifactId>greeting</artifactId><version>1.0</version>"
    debian = f"<id>central</id><url>file://{DEBIAN_MAVEN}</url>"
    pom = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sample</groupId><artifactId>sample</artifactId><version>1.0</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding><maven.test.skip>true</maven.test.skip>
  </properties>
  <repositories>
    <repository><id>own</id><url>file://${{project.basedir}}/repository</url></repository>
    <repository>{debian}</repository>
  </repositories>
  <pluginRepositories><pluginRepository>{debian}</pluginRepository></pluginRepositories>
  <dependencies><dependency>{coordinates}</dependency></dependencies>
  <build><finalName>sample</finalName><plugins>{entries}</plugins></build>
</project>
"""
    library = write_files(
        folder / "library", {"greeting/Greeting.java": f'package greeting; public class Greeting {{ public static String TEXT = "{GREETING}"; }}'}
    )
    run(library, "javac", "--release", "17", "greeting/Greeting.java")
    run(library, "jar", "--create", "--file", "greeting.jar", "greeting/Greeting.class")
    artifact = "repository/example/greeting/1.0/greeting-1.0"
    files = {
        "pom.xml": pom,
        "src/main/java/sample/Main.java": source,
        f"{artifact}.jar": (library / "greeting.jar").read_bytes(),
        f"{artifact}.pom": f"<project><modelVersion>4.0.0</modelVersion>{coordinates}</project>",
        "Procfile": f"web: java -cp target/sample.jar:{artifact}.jar sample.Main\n",
    }
    return read_files(write_files(folder / "application", files))


LANGUAGES: dict[str, Callable[[Path, str], Files]] = {"python": python, "node": node, "go": go, "ruby": ruby, "php": php, "java": java}


def _program(name: str, package: str) -> Tool:
    return Tool(name, package, "", on_path(name))


def _maven_plugin(name: str, package: str) -> Tool:
    return Tool(f"Maven's {name} plugin", package, "", lambda: next(PLUGINS.glob(f"maven-{name}-plugin/[0-9]*"), None))


NEEDED = {
    "node": (_program("node", "nodejs"), _program("npm", "npm")),
    "go": (_program("go", "golang-go"),),
    "ruby": (_program("ruby", "ruby"), _program("bundle", "ruby-bundler")),
    "php": (
        *(_program("php", "php-cli"), _program("php-cgi", "php-cgi"), _program("lighttpd", "lighttpd"), _program("composer", "composer")),
        Tool("PHP's zip extension", "php-zip", "", lambda: next(Path("/usr/lib/php").glob("*/zip.so"), None)),
    ),
    "java": (
        *(_program("javac", "default-jdk-headless"), _program("mvn", "maven")),
        *(_maven_plugin(name, f"libmaven-{name}-plugin-java") for name in ("compiler", "jar", "resources")),
        _maven_plugin("surefire", "libsurefire-java"),
    ),
}
"""Language → the programs and libraries that its repository needs on this machine."""
