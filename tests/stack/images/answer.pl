#!/usr/bin/perl
# answer.pl PORT PATH: an HTTP server that says 200 to GET PATH and 404 to everything else.
use strict;
use warnings;
use IO::Socket::INET;

my ($port, $path) = @ARGV;
# As process 1 it would not be ended by a signal that it does not handle.
$SIG{TERM} = $SIG{INT} = sub { exit 143 };
my $server = IO::Socket::INET->new(LocalPort => $port, Listen => 16, ReuseAddr => 1) or die "port $port: $@";
$| = 1;
print "listening on port $port\n";
while (my $client = $server->accept) {
    my $request = <$client> // '';
    while (defined(my $line = <$client>)) { last if $line =~ /^\r?$/ }
    my $found = $request =~ m{^GET \Q$path\E[ ?]};
    my $status = $found ? '200 OK' : '404 Not Found';
    my $body = $found ? '[]' : '{}';
    print $client "HTTP/1.1 $status\r\nContent-Type: application/json\r\nConnection: close\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
    close $client;
}
