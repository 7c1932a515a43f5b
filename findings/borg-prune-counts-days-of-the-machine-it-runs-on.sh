#!/usr/bin/env bash
# borg prune --keep-daily deletes another backup in a container in UTC than on the laptop that made them; restic doesn't
#
# Guess: which backups are "the last of a day" is a matter of the backups: whoever prunes, from wherever, the same go.
# Seen:  BorgBackup 1.2.4 and restic 0.14.0 (Debian 12), 2026-11-30. Four backups of a machine in Sao Paulo: 22:00 on
#        the first, 22:00 on the second, 08:00 and 22:00 on the third. Pruned there, Borg deletes that of 08:00; in UTC
#        it deletes the second day's evening and keeps 08:00, for 22:00 is the next day there. Its `list --json` gives
#        the times without an offset, on each machine others. restic keeps the offset with each backup and deletes
#        that of 08:00 everywhere.
# So:    prune by cron in a container and by hand on the laptop, and a day whose last backup each keeps is not the same;
#        times from Borg's JSON of two machines can't be compared.
# Source: borg/helpers/misc.py (prune_split: to_localtime(archive.ts)); restic: Snapshot.Time is kept with its offset
# Pins:  none: borg and restic of Debian 12 (borgbackup, restic)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
for program in borg restic; do
  command -v $program > /dev/null || { echo "SKIPPED: install borgbackup and restic" >&2; exit 0; }
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
export BORG_BASE_DIR="$tmp/base" BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
export RESTIC_CACHE_DIR="$tmp/cache" RESTIC_PASSWORD=not-secret

cat > expected <<'END'
in America/Sao_Paulo
  borg prune deletes     3-08:00
  restic forget deletes  3-08:00
  borg's JSON            01T22:00:00.000000 02T22:00:00.000000 03T08:00:00.000000 03T22:00:00.000000
  restic's JSON          01T22:00:00-03:00 02T22:00:00-03:00 03T08:00:00-03:00 03T22:00:00-03:00
in UTC
  borg prune deletes     2-22:00
  restic forget deletes  3-08:00
  borg's JSON            02T01:00:00.000000 03T01:00:00.000000 03T11:00:00.000000 04T01:00:00.000000
  restic's JSON          01T22:00:00-03:00 02T22:00:00-03:00 03T08:00:00-03:00 03T22:00:00-03:00
in Asia/Tokyo
  borg prune deletes     2-22:00
  restic forget deletes  3-08:00
  borg's JSON            02T10:00:00.000000 03T10:00:00.000000 03T20:00:00.000000 04T10:00:00.000000
  restic's JSON          01T22:00:00-03:00 02T22:00:00-03:00 03T08:00:00-03:00 03T22:00:00-03:00
END

mkdir files
borg init -e none borg
restic -q -r restic init
for when in 1-22:00 2-22:00 3-08:00 3-22:00; do
  echo "$when" > files/a
  local="2026-11-0${when/-/ }:00"
  borg create --timestamp "$(date -u -d "TZ=\"America/Sao_Paulo\" $local" +%Y-%m-%dT%H:%M:%S)" "borg::$when" files
  TZ=America/Sao_Paulo restic -q -r restic backup --host laptop --tag "$when" --time "$local" files
done

for zone in America/Sao_Paulo UTC Asia/Tokyo; do
  export TZ=$zone
  echo "in $zone"
  echo "  borg prune deletes     $(borg prune -n --list --keep-daily 9 borg 2>&1 | awk '/^Would prune/ { print $3 }')"
  echo "  restic forget deletes  $(restic -r restic forget -n --json --keep-daily 9 --group-by host |
    python3 -c 'import json, sys; print(*(one["tags"][0] for one in json.load(sys.stdin)[0]["remove"]))')"
  echo "  borg's JSON            $(borg list --json borg |
    python3 -c 'import json, sys; print(*(one["time"][8:] for one in json.load(sys.stdin)["archives"]))')"
  echo "  restic's JSON          $(restic -r restic snapshots --json |
    python3 -c 'import json, sys; print(*(one["time"][8:] for one in json.load(sys.stdin)))')"
done | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
