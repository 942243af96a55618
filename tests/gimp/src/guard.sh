# Runs "$@" until it ends or standard input does, which it does when the tests' process is gone, however that went.
# Then nothing is left of it, of what it started, nor of the folder $DERUST_TEST_FOLDER.
exec 3<&0
setsid "$@" </dev/null 3<&- &
program=$!
{ cat <&3 >/dev/null; kill -s KILL -- "-$program"; } 2>/dev/null &
wait "$program"
status=$?
kill -s KILL -- "-$program" 2>/dev/null
[ -z "$DERUST_TEST_FOLDER" ] || rm -rf "$DERUST_TEST_FOLDER"
exit "$status"
