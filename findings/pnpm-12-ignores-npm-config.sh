#!/usr/bin/env bash
# A registry in npm_config_registry, the variable that npm and pnpm 10 read, does not reach pnpm 12; it reads pnpm_config_registry, which pnpm 10 ignores.
#
# Guess:   pnpm takes npm's settings, so a build environment sets npm_config_registry once for all package managers; both names work for a while.
# True:    pnpm 10 reads npm_config_registry in either case and not pnpm's own name. pnpm 12 reads pnpm_config_registry and not npm's. No variable
#          reaches both, so a machine that builds with both has to set two; with npm's variable alone, pnpm 12 silently asks the public registry,
#          past the mirror.
# Version: pnpm 10.34.9 and 12.21.0
# Source:  observed; pnpm's documentation, Settings and Configuring
set -euo pipefail
if ! command -v npm > /dev/null; then
  echo "skipped: npm is not installed"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder" XDG_CONFIG_HOME="$folder/config"
for version in 10.34.9 12.21.0; do
  mkdir "$folder/$version"
  (cd "$folder/$version" && npm install --silent --no-audit --no-fund --prefix . "pnpm@$version" > /dev/null 2>&1)
done
unset npm_config_registry NPM_CONFIG_REGISTRY pnpm_config_registry 2> /dev/null || true

registry() { # the program, then variables
  program=$1
  shift
  env "$@" node "$program" config get registry
}
for version in 10.34.9 12.21.0; do
  program=$(find "$folder/$version/node_modules/pnpm/bin" -name 'pnpm.?js')
  cd "$folder"
  echo "pnpm $(node "$program" --version)"
  echo "npm_config_registry:  $(registry "$program" npm_config_registry=http://mirror.example/)"
  echo "NPM_CONFIG_REGISTRY:  $(registry "$program" NPM_CONFIG_REGISTRY=http://mirror.example/)"
  echo "pnpm_config_registry: $(registry "$program" pnpm_config_registry=http://mirror.example/)"
done | tee "$folder/seen"
cat > "$folder/recorded" <<'TEXT'
pnpm 10.34.9
npm_config_registry:  http://mirror.example/
NPM_CONFIG_REGISTRY:  http://mirror.example/
pnpm_config_registry: https://registry.npmjs.org/
pnpm 12.21.0
npm_config_registry:  https://registry.npmjs.org/
NPM_CONFIG_REGISTRY:  https://registry.npmjs.org/
pnpm_config_registry: http://mirror.example/
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: no variable reaches both"
