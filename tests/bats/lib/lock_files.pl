# Holds a lock of a Perl module, unmodified, until a line comes on standard input:
#
#   perl lock_files.pl MODULE PATH [once]    MODULE: File::Flock, or LockFile::Simple, which locks PATH.lock
#
# It prints `held`, and releases at the end. If the module refuses, it ends with status 75. LockFile::Simple looks for a dead
# holder only if it tries once: while it waits, it would die of a file that is removed just after it was opened.
use strict;
use warnings;

my ($module, $path, $once) = @ARGV;
my $lock;
if ($module eq 'File::Flock') {
    require File::Flock;
    $lock = File::Flock->new($path, undef, $once);
} else {
    require LockFile::Simple;
    my $manager = LockFile::Simple->make(-format => '%f.lock', -delay => 1, -max => 60, -hold => 0, -stale => $once);
    $lock = $once ? $manager->trylock($path) : $manager->lock($path);
}
exit 75 if !$lock;
$| = 1;
print "held\n";
<STDIN>;
if ($module eq 'File::Flock') {
    undef $lock;
} else {
    $lock->release;
}
