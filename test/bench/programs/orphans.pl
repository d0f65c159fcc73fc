# Leaves COUNT dead children to PID 1 in one burst and waits until PID 1 has reaped them all.
# Writes "wall ms, processor ms of PID 1's main thread" to FILE.
#   orphans.pl COUNT FILE
use strict;
use warnings;
use POSIX ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC usleep);

my ($count, $file) = @ARGV;

sub processor_ms {
    open my $stat, '<', '/proc/1/schedstat' or die "schedstat: $!";
    return (split ' ', <$stat>)[0] / 1e6;
}

pipe my $from_parent, my $to_us or die "pipe: $!";
my $parent = fork // die "fork: $!";
if ($parent == 0) {
    close $from_parent;
    # Its end comes once every child has ended.
    pipe my $all_ended, my $held or die "pipe: $!";
    my @children;
    for (1 .. $count) {
        my $child = fork // die "fork: $!";
        POSIX::_exit(0) if $child == 0;
        push @children, $child;
    }
    close $held;
    sysread $all_ended, my $nothing, 1;
    usleep(50_000);
    print {$to_us} "@children\n";
    close $to_us;
    sleep 60;
    POSIX::_exit(1);
}
close $to_us;
my @orphans = split ' ', <$from_parent>;
die "only " . @orphans . " children" unless @orphans == $count;
usleep(300_000);

my $processor_before = processor_ms();
my $started = clock_gettime(CLOCK_MONOTONIC);
kill 'KILL', $parent;
waitpid $parent, 0;
while (@orphans) {
    # A dead child that nobody reaped can still be sent signal 0.
    if (kill 0, $orphans[-1]) { usleep(200) }
    else { pop @orphans }
    die 'they are still there' if clock_gettime(CLOCK_MONOTONIC) - $started > 30;
}
my $wall = (clock_gettime(CLOCK_MONOTONIC) - $started) * 1000;
my $processor = processor_ms() - $processor_before;
open my $result, '>', $file or die "$file: $!";
print {$result} "$wall $processor\n";
close $result or die "$file: $!";
