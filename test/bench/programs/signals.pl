# Sends SIGHUP to PID 1 COUNT times, then SIGTERM once, and takes the time until its own handler has it back.
# Writes "SIGHUP p50, SIGHUP p99, SIGTERM" in microseconds to FILE.
#   signals.pl COUNT FILE
use strict;
use warnings;
use POSIX ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC usleep);

my ($count, $file) = @ARGV;

my $received;
$SIG{HUP} = $SIG{TERM} = sub { $received = clock_gettime(CLOCK_MONOTONIC) };
# Held back except while it is waited for: it cannot slip in before the wait.
my $held = POSIX::SigSet->new(POSIX::SIGHUP, POSIX::SIGTERM);
POSIX::sigprocmask(POSIX::SIG_BLOCK, $held);
my $none = POSIX::SigSet->new;

sub forwarded_us {
    my ($signal) = @_;
    undef $received;
    my $sent = clock_gettime(CLOCK_MONOTONIC);
    kill $signal, 1;
    POSIX::sigsuspend($none) until defined $received;
    return ($received - $sent) * 1e6;
}

usleep(400_000);
my @hups;
for (1 .. $count) {
    push @hups, forwarded_us('HUP');
    usleep(500);
}
@hups = sort { $a <=> $b } @hups;
my $term = forwarded_us('TERM');
open my $result, '>', $file or die "$file: $!";
print {$result} join(' ', $hups[$count * 0.5], $hups[$count * 0.99], $term), "\n";
close $result or die "$file: $!";
