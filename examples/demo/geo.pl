#!/usr/bin/perl
# The demo's geo database: three networks of the public Internet, in the layout of MaxMind's country databases.
#   geo.pl OUT.mmdb
use strict;
use warnings;
use MaxMind::DB::Writer::Tree;

my %types = (
	country   => 'map',
	continent => 'map',
	iso_code  => 'utf8_string',
	code      => 'utf8_string',
);
my $tree = MaxMind::DB::Writer::Tree->new(
	ip_version            => 6,
	record_size           => 24,
	database_type         => 'Waymark-Demo-Country',
	languages             => ['en'],
	description           => { en => 'Three networks for the Waymark demo' },
	remove_reserved_networks => 0,
	map_key_type_callback => sub { $types{ $_[0] } },
);
my @networks = (
	[ '81.2.69.0/24',    'GB', 'EU' ],    # a client in Britain
	[ '216.160.83.0/24', 'US', 'NA' ],    # one in the United States
	[ '118.189.0.0/16',  'SG', 'AS' ],    # one in Singapore
	[ '2a02:c7c::/32',   'GB', 'EU' ],
);
$tree->insert_network( $_->[0],
	{ country => { iso_code => $_->[1] }, continent => { code => $_->[2] } } )
	for @networks;
open my $out, '>:raw', $ARGV[0] or die "$ARGV[0]: $!\n";
$tree->write_tree($out);
close $out or die "$ARGV[0]: $!\n";
