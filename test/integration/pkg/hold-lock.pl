# hold-lock.pl FILE: takes the write lock that dpkg and apt take (fcntl(2)), prints "locked", and keeps it until standard input ends.
use strict;
use warnings;
use Fcntl qw(F_SETLK F_WRLCK);
my ($path) = @ARGV;
open(my $file, '+>>', $path) or die "$path: $!";
# struct flock of 64-bit Linux: short type, short whence, padding, off_t start, off_t len, pid_t pid.
my $lock = pack('s s x4 q q i x4', F_WRLCK, 0, 0, 0, 0);
fcntl($file, F_SETLK, $lock) or die "$path: $!";
$| = 1;
print "locked\n";
my $line = <STDIN>;
