#!/usr/bin/env bash
# "*/2" as the day of the month joins the weekday with OR in a Kubernetes CronJob and with AND in Debian's cron and cronsim.
#
# Guess:   `0 0 */2 * 1` means the same days in every cron that has both fields: the rule "a field that starts with * is no restriction" is old, and
#          the five-field format is the one thing that all crons share.
# True:    robfig/cron, which Kubernetes uses, clears its star bit as soon as a step is larger than one: `*/2` counts as a restriction, and days match
#          if either field does: every odd day, and every Monday. cronsim follows Debian's cron, where the leading star decides: Mondays that are odd.
#          Where the day is written `1-31/2`, both agree on OR. Nothing is refused and nothing warns; a schedule that moves to a CronJob runs some 18 times
#          a month instead of two.
# Version: github.com/robfig/cron/v3 v3.0.1, cronsim 2.8
# Source:  observed; getRange in robfig/cron's parser.go, README of cronsim (Debian's cron is its reference), crontab(5) of Debian
set -euo pipefail
command -v go > /dev/null || { echo "Go is missing" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cronsim==2.8

cat > "$folder/main.go" <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/robfig/cron/v3"
)

func main() {
	for _, text := range os.Args[1:] {
		schedule, err := cron.ParseStandard(text)
		if err != nil {
			panic(err)
		}
		at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
		fmt.Printf("robfig/cron v3.0.1  %-16s", text)
		for i := 0; i < 4; i++ {
			at = schedule.Next(at)
			fmt.Print(at.Format("  Mon 02 Jan"))
		}
		fmt.Println()
	}
}
GO
cat > "$folder/run.py" <<'PYTHON'
import sys
from datetime import datetime
from importlib.metadata import version

from cronsim import CronSim

for text in sys.argv[1:]:
    times = CronSim(text, datetime(2026, 1, 1, 12))
    print(f"cronsim {version('cronsim')}         {text:16}" + "".join(next(times).strftime("  %a %d %b") for _ in range(4)))
PYTHON
(
  cd "$folder"
  export GOPATH="$folder/go" GOFLAGS="-modcacherw -trimpath"
  { go mod init example.org/compare && go get github.com/robfig/cron/v3@v3.0.1; } 2> install.log || { cat install.log >&2; exit 1; }
  go run . "0 0 */2 * 1" "0 0 1-31/2 * 1"
  venv/bin/python run.py "0 0 */2 * 1" "0 0 1-31/2 * 1"
) | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
robfig/cron v3.0.1  0 0 */2 * 1       Sat 03 Jan  Mon 05 Jan  Wed 07 Jan  Fri 09 Jan
robfig/cron v3.0.1  0 0 1-31/2 * 1    Sat 03 Jan  Mon 05 Jan  Wed 07 Jan  Fri 09 Jan
cronsim 2.8         0 0 */2 * 1       Mon 05 Jan  Mon 19 Jan  Mon 09 Feb  Mon 23 Feb
cronsim 2.8         0 0 1-31/2 * 1    Sat 03 Jan  Mon 05 Jan  Wed 07 Jan  Fri 09 Jan
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: a step makes a star a restriction for robfig/cron only"
