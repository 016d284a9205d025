# Locks a file by fcntl or flock of Perl, prints `held`, and keeps the lock until standard input ends:
#
#   lock.pl fcntl|flock PATH exclusive|shared 'at once'|briefly|long
#
# The exit status is 75 if another process has the lock.
use strict;
use warnings;
use Errno qw(EACCES EAGAIN EINTR EWOULDBLOCK);
use Fcntl qw(:flock :DEFAULT SEEK_SET);
use Time::HiRes qw(ualarm);

my ($call, $path, $mode, $wait) = @ARGV;
open(my $file, '+>>', $path) or die "open: $!";
$SIG{ALRM} = sub { };
ualarm(300_000) if $wait eq 'briefly';

sub by_fcntl {
    # struct flock of 64-bit Linux
    my $lock = pack('s s x4 q q i x4', $mode eq 'shared' ? F_RDLCK : F_WRLCK, SEEK_SET, 0, 0, 0);
    return fcntl($file, $wait eq 'at once' ? F_SETLK : F_SETLKW, $lock);
}

sub by_flock {
    return flock($file, ($mode eq 'shared' ? LOCK_SH : LOCK_EX) | ($wait eq 'at once' ? LOCK_NB : 0));
}

if (!($call eq 'fcntl' ? by_fcntl() : by_flock())) {
    die "$call: $!" unless $! == EAGAIN || $! == EACCES || $! == EWOULDBLOCK || $! == EINTR;
    exit 75;
}
ualarm(0);
$| = 1;
print "held\n";
<STDIN>;
