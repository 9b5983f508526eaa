"""Plan Java applications (devcenter.heroku.com/articles/java-support): Maven, and Gradle with its wrapper."""

import re
from xml.etree import ElementTree

from knative.builder.failure import BUILD_FAILED, NOT_RECOGNIZED, BuildFailure
from knative.builder.planning.addresses import BIND, PORT
from knative.builder.planning.declarations import Declarations
from knative.builder.planning.plan import Plan, Step, Toolchain
from knative.builder.planning.tree import Tree, join, string, table
from knative.builder.planning.versions import managed_versions

MEMORY = "-XX:MaxRAMPercentage=75"
SPRING = f'-Dserver.address="{BIND}" -Dserver.port="{PORT}"'
QUARKUS = f'-Dquarkus.http.host="{BIND}" -Dquarkus.http.port="{PORT}"'
GRADLE_FILES = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")


def detect(tree: Tree, declared: Declarations) -> Plan | None:
    """Raises BuildFailure(not-recognized | build-failed)."""
    if tree.has("pom.xml"):
        return _maven(tree, declared)
    return _gradle(tree, declared) if tree.has(*GRADLE_FILES) else None


def _maven(tree: Tree, declared: Declarations) -> Plan:
    start, module = (declared.start, "") if declared.start else _maven_start(tree)
    select = ("-pl", module, "-am") if module else ()
    command = ("sh", "-c", declared.build) if declared.build else ("mvn", "-B", "--no-transfer-progress", "-DskipTests", *select, "package")
    step = Step("Running the build command" if declared.build else "Building with Maven", command, directory=tree.directory)
    notices = ("mvnw is not used; Maven of this machine builds",) if tree.has("mvnw") else ()
    reason = f"pom.xml, {declared.start_source if declared.start else module or 'executable jar'}"
    return Plan("java", reason, (java_toolchain(tree), Toolchain("maven")), (step,), start, notices=notices)


def _maven_start(tree: Tree) -> tuple[str, str]:
    """Return the start command, and the module to build if the project has several."""
    root = _pom(tree, "pom.xml")
    if (own := _executable(tree, root)) or not root.findall("modules/module"):
        if own:
            return own, ""
        plugins = "spring-boot-maven-plugin or maven-shade-plugin"
        detail = f"Java application (pom.xml) without an executable jar. Add the plugin {plugins}, or a Procfile with a line `web: …`."
        raise BuildFailure(NOT_RECOGNIZED, detail)
    modules = [join((module.text or "").strip()) for module in root.findall("modules/module")]
    found = {
        name: start for name in modules if tree.has(f"{name}/pom.xml") and (start := _executable(tree.at(name), _pom(tree.at(name), "pom.xml"), name))
    }
    if len(found) == 1:
        ((name, start),) = found.items()
        return start, name
    listed = f"several modules with an executable jar: {', '.join(found)}" if found else f"no module with an executable jar: {', '.join(modules)}"
    raise BuildFailure(NOT_RECOGNIZED, f"The Maven project has {listed}. Add a Procfile with a line `web: …`.")


def _executable(tree: Tree, pom: ElementTree.Element, module: str = "") -> str:
    """Return the command that runs what a module packages, "" if it packages no program."""
    plugins = {(plugin.findtext("artifactId") or "").strip() for plugin in pom.iter("plugin")}
    prefix = f"{module}/" if module else ""
    if "quarkus-maven-plugin" in plugins:
        return f"java {MEMORY} {QUARKUS} -jar {prefix}target/quarkus-app/quarkus-run.jar"
    is_spring = "spring-boot-maven-plugin" in plugins
    if not is_spring and not plugins & {"maven-shade-plugin", "maven-assembly-plugin", "micronaut-maven-plugin"} and pom.find(".//mainClass") is None:
        return ""
    parent = pom.find("parent")
    name = pom.findtext("artifactId") or ""
    version = pom.findtext("version") or (parent.findtext("version") if parent is not None else "") or ""
    suffix = (pom.findtext("packaging") or "jar").strip()
    final = _substitute(pom, (pom.findtext("build/finalName") or f"{name}-{version}").strip(), name.strip(), version.strip())
    if "maven-assembly-plugin" in plugins and not is_spring:
        final += "-jar-with-dependencies"
    jar = (
        f"{prefix}target/{final}.{suffix}"
        if "${" not in final
        else f"$(ls {prefix}target/*.{suffix} | grep -v -e sources -e javadoc -e original- | head -n 1)"
    )
    return f"{'exec ' if '$(' in jar else ''}java {MEMORY} {SPRING + ' ' if is_spring else ''}-jar {jar}"


def _substitute(pom: ElementTree.Element, text: str, name: str, version: str) -> str:
    properties = {each.tag: (each.text or "").strip() for group in pom.findall("properties") for each in group}
    properties |= {"project.artifactId": name, "artifactId": name}
    if "${" not in version:
        properties |= {"project.version": version, "version": version}
    for _ in range(3):
        text = re.sub(r"\$\{([^}]+)\}", lambda match: properties.get(match[1], match[0]), text)
    return text


def _pom(tree: Tree, path: str) -> ElementTree.Element:
    """Parse a POM without its namespace. Entities are refused: they could grow without bound."""
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", tree.text(path))
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise BuildFailure(BUILD_FAILED, f"{tree.place(path)} has a document type, which Maven does not need. Remove it.")
    try:
        return ElementTree.fromstring(re.sub(r"\sxmlns\s*=\s*[\"'][^\"']*[\"']", "", text, count=1))
    except ElementTree.ParseError as error:
        raise BuildFailure(BUILD_FAILED, f"{tree.place(path)} is not valid XML: {error}.") from error


def _gradle(tree: Tree, declared: Declarations) -> Plan:
    if not tree.has("gradlew") and not declared.build:
        raise BuildFailure(
            NOT_RECOGNIZED,
            f"Gradle project ({tree.first(*GRADLE_FILES)}) without its wrapper. Run `gradle wrapper` and commit gradlew and gradle/wrapper.",
        )
    build = _gradle_build(tree)
    settings = tree.text("settings.gradle") + tree.text("settings.gradle.kts")
    named = re.search(r"rootProject\.name\s*=\s*[\"']([^\"']+)", settings)
    name = named[1] if named else tree.directory.rpartition("/")[2] if tree.directory != "." else "app"
    task, start = _gradle_task(tree, build, settings, name)
    if re.search(r"\btask\s+stage\b|register\([\"']stage[\"']", build):
        task = "stage"
    if not (declared.start or start):
        plugins = "org.springframework.boot or application"
        detail = f"Java application (Gradle) without a program. Apply the plugin {plugins}, or add a Procfile with a line `web: …`."
        raise BuildFailure(NOT_RECOGNIZED, detail)
    command = ("sh", "-c", declared.build) if declared.build else ("sh", "./gradlew", "--no-daemon", "--console=plain", task, "-x", "test")
    step = Step("Running the build command" if declared.build else "Building with Gradle", command, directory=tree.directory)
    reason = f"Gradle wrapper, {declared.start_source if declared.start else task}"
    return Plan("java", reason, (java_toolchain(tree),), (step,), declared.start or start)


def _gradle_build(tree: Tree, folder: str = "") -> str:
    """Return the build file of a project, with the ids of the plugins that it applies by their names in the version catalog.

    `alias(libs.plugins.spring.boot)` is the key `spring-boot` of gradle/libs.versions.toml (docs.gradle.org, version catalogs).
    """
    below = f"{folder}/" if folder else ""
    text = tree.text(f"{below}build.gradle") + tree.text(f"{below}build.gradle.kts")
    aliases = re.findall(r"alias\s*\(?\s*libs\.plugins\.([\w.]+?)\s*\)(?!\s*apply\s+false)", text)
    plugins = table(tree.toml("gradle/libs.versions.toml"), "plugins") if aliases else {}
    ids = {
        re.sub(r"[-_]", ".", name): value.partition(":")[0] if isinstance(value, str) else string(plugins, name, "id")
        for name, value in plugins.items()
    }
    return text + "".join(f"\n// {ids[alias]}" for alias in aliases if alias in ids)


def _gradle_task(tree: Tree, build: str, settings: str, name: str) -> tuple[str, str]:
    """Return the task that packages the program, and the command that starts it."""
    folder = ""
    if not re.search(r"org\.springframework\.boot|\bapplication\b|io\.quarkus|io\.ktor\.plugin", build):
        members = [member.strip(":").replace(":", "/") for member in re.findall(r"include\s*\(?\s*[\"']([^\"']+)", settings)]
        folder = next(
            (
                each
                for each in members
                if re.search(r"org\.springframework\.boot|\bapplication\b|io\.ktor\.plugin|io\.quarkus", _gradle_build(tree, each))
            ),
            "",
        )
        build, name = _gradle_build(tree, folder), folder.rpartition("/")[2] or name
    below = f"{folder}/" if folder else ""
    if "org.springframework.boot" in build and "apply false" not in build:
        return "bootJar", f"exec java {MEMORY} {SPRING} -jar $(ls {below}build/libs/*.jar | grep -v -e plain -e sources | head -n 1)"
    if "io.quarkus" in build:
        return "quarkusBuild", f"java {MEMORY} {QUARKUS} -jar {below}build/quarkus-app/quarkus-run.jar"
    if re.search(r"\bapplication\b|io\.ktor\.plugin|io\.micronaut\.application", build):
        return "installDist", f"{below}build/install/{name}/bin/{name}"
    return "build", ""


def java_toolchain(tree: Tree) -> Toolchain:
    """Order: system.properties, .java-version, .sdkmanrc, .tool-versions and mise.toml, the compiler's release of pom.xml or build.gradle."""
    build = tree.text("build.gradle") + tree.text("build.gradle.kts")
    patterns = [
        (r"(?m)^\s*java\.runtime\.version\s*=\s*(\S+)", tree.text("system.properties"), "system.properties"),
        (r"^\s*(\S+)", tree.text(".java-version"), ".java-version"),
        (r"(?m)^java=(\S+)", tree.text(".sdkmanrc"), ".sdkmanrc"),
    ]
    found = [(match[1], source) for pattern, text, source in patterns if (match := re.search(pattern, text))]
    found += [*managed_versions(tree, "java")]
    pom = tree.text("pom.xml")
    for tag in ("java.version", "maven.compiler.release", "maven.compiler.target", "release", "maven.compiler.source"):
        if match := re.search(rf"<{re.escape(tag)}>\s*([\d.]+)\s*</", pom):
            found.append((match[1], f"pom.xml ({tag})"))
    if match := re.search(
        r"JavaLanguageVersion\.of\(\s*[\"']?(\d+)|jvmToolchain\((\d+)\)"
        r"|(?:source|target)Compatibility\s*=?\s*(?:JavaVersion\.VERSION_)?[\"']?([\d._]+)",
        build,
    ):
        found.append((next(group for group in match.groups() if group), "build.gradle"))
    for version, source in found:
        if major := java_major(version):
            return Toolchain("java", major, source, is_needed_to_run=True)
    return Toolchain("java", is_needed_to_run=True)


def java_major(version: str) -> str:
    """Return the major of `17`, `1.8`, `17.0.9-tem`, `temurin-17.0.9+9`, `openjdk@21`."""
    match = re.search(r"(?:^|[-@])(?:1[._])?(\d+)", version)
    return match[1] if match else ""
