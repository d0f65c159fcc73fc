#!/bin/sh
# flowkeep: interval=30s timeout=5s
# Degraded below 15 % free space under the flow's working directory, unhealthy below 5 %.

path=${CONTAINER_APP_WORK_DIRECTORY:-/tmp}
used=$(df -P "$path" 2>/dev/null | awk 'NR == 2 { sub("%", "", $5); print $5 }')
if [ -z "$used" ]; then
  echo "cannot read the file system of $path"
  exit 2
fi

echo "$((100 - used)) % free under $path"
[ "$used" -gt 95 ] && exit 2
[ "$used" -gt 85 ] && exit 1
exit 0
