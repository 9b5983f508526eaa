#!/usr/bin/env bash
# npm 12 does not compile native modules unless the repository approves them, and reports success.
#
# Guess:   `npm install` of a package with a native module compiles or downloads it, or fails.
# True:    the install script is skipped unless package.json names the package in `allowScripts`; the exit code is 0, the only sign is a
#          warning, and the program fails when it loads the module. npm's own record still marks the package with `hasInstallScript`, so a
#          package that has a binding.gyp, that mark and no *.node file was not built. npm 11 runs the script.
# Version: npm 12.2.2 (on any Node.js; one older than 22 adds a warning about itself), better-sqlite3 11.10.0
# Source:  observed; https://docs.npmjs.com/cli/v12/commands/npm-install-scripts
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v npm > /dev/null || { echo "needs npm"; exit 0; }
npm install --prefix "$folder/npm" --silent --no-audit --no-fund npm@12.2.2
cd "$folder"
npm12=(node "$folder/npm/node_modules/npm/bin/npm-cli.js")
mkdir application
cd application
echo '{"private": true}' > package.json
code=0
"${npm12[@]}" install --no-audit --no-fund better-sqlite3@11.10.0 > ../out 2> ../err || code=$?

{
    echo "npm $("${npm12[@]}" --version 2> /dev/null)"
    echo "npm install: exit code $code"
    grep -o '1 package had install scripts blocked' ../err
    echo "*.node files: $(find node_modules/better-sqlite3 -name '*.node' | wc -l)"
    node -e 'const {packages} = require("./node_modules/.package-lock.json"); console.log("hasInstallScript:", packages["node_modules/better-sqlite3"].hasInstallScript)'
    node -e 'try { require("better-sqlite3")(":memory:") } catch (error) { console.log(error.message.split("\n")[0]) }'
} | tee ../seen

cat > ../recorded <<'TEXT'
npm 12.2.2
npm install: exit code 0
1 package had install scripts blocked
*.node files: 0
hasInstallScript: true
Could not locate the bindings file. Tried:
TEXT
diff -u ../recorded ../seen || { echo "changed"; exit 1; }
echo "as recorded: success is reported, and the module cannot be loaded"
