"""Plan how a repository is built and started: a pure function of its files and the application's settings.

`make_plan` (`recognition`) reads what the repository declares (`declarations`: capsule.toml, Procfile, app.json) and asks the
providers of the languages in order. Detection follows the rules of Heroku's buildpacks and of Railpack, so that a repository
that runs there runs here.
"""

from knative.builder.planning.plan import BuildSettings, Plan, Step, Toolchain
from knative.builder.planning.recognition import make_plan
from knative.builder.planning.sites import locate_site
from knative.builder.planning.tree import Tree

__all__ = ["BuildSettings", "Plan", "Step", "Toolchain", "Tree", "locate_site", "make_plan"]
