// SPDX-License-Identifier: GPL-2.0

use super::*;

/// Returns a record: header and body.
fn record(kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 4];
    record.extend(kind.to_be_bytes());
    record.extend(subtype.to_be_bytes());
    record.extend((body.len() as u32).to_be_bytes());
    record.extend(body);
    record
}

/// Returns the attributes of a path: `as_path_length` AS numbers of four bytes, and a next hop.
fn attributes(as_path_length: u8, next_hop: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![
        0x40,
        1,
        1,
        0,
        0x40,
        AS_PATH,
        2 + 4 * as_path_length,
        2,
        as_path_length,
    ];
    bytes.extend(vec![0; 4 * usize::from(as_path_length)]);
    bytes.extend([0x40, 3, 4]);
    bytes.extend(next_hop);
    bytes
}
const AS_PATH: u8 = 2;

/// Returns a table of peers 192.0.2.0, 192.0.2.1 and so on.
fn peers(count: u8) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0, 0, 0, 0, count];
    for peer in 0..count {
        body.extend([2, 0, 0, 0, 0, 192, 0, 2, peer, 0, 0, 0, 1]);
    }
    record(13, 1, &body)
}

/// Returns a record of paths to 10.0.0.0/8: each has the index of a peer, and attributes.
fn rib(paths: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0, 8, 10, 0, paths.len() as u8];
    for (peer, attributes) in paths {
        body.extend([0, *peer, 0, 0, 0, 0, 0, attributes.len() as u8]);
        body.extend(attributes);
    }
    record(13, 2, &body)
}

/// Returns a message of peer 192.0.2.`peer`. Each byte of `withdrawn` and `announced` is a /8.
fn update(peer: u8, withdrawn: &[u8], announced: &[u8], attributes: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 10];
    body.extend([0, 1, 192, 0, 2, peer, 192, 0, 2, 99]);
    body.extend([0xff; 16]);
    let length = 23 + 2 * withdrawn.len() + attributes.len() + 2 * announced.len();
    body.extend([0, length as u8, 2]);
    body.extend([0, 2 * withdrawn.len() as u8]);
    body.extend(withdrawn.iter().flat_map(|byte| [8, *byte]));
    body.extend([0, attributes.len() as u8]);
    body.extend(attributes);
    body.extend(announced.iter().flat_map(|byte| [8, *byte]));
    record(16, 4, &body)
}

/// Returns the words of the routes, the refused records, and the number of inactive paths.
fn found(records: &[Vec<u8>], only: Option<IpAddr>) -> (Vec<String>, Vec<u64>, u64) {
    let found = find(&records.concat()[..], only);
    let words = found.candidates.into_iter().map(|route| route.words);
    let refused = found.refused.iter().map(|refused| refused.line);
    (words.collect(), refused.collect(), found.inactive)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

#[test]
fn the_import_takes_the_shortest_as_path_and_then_the_lowest_peer() {
    let paths = [
        (0, attributes(3, [1, 1, 1, 1])),
        (2, attributes(2, [3, 3, 3, 3])),
        (1, attributes(2, [2, 2, 2, 2])),
    ];
    let table = [peers(3), rib(&paths)];
    assert_eq!(
        found(&table, None),
        (words(&["10.0.0.0/8 via inet 2.2.2.2"]), vec![], 2)
    );
    let only = Some(IpAddr::from([192, 0, 2, 0]));
    assert_eq!(
        found(&table, only),
        (words(&["10.0.0.0/8 via inet 1.1.1.1"]), vec![], 2)
    );
}

#[test]
fn a_path_without_next_hop_is_unused() {
    let table = [peers(1), rib(&[(0, attributes(1, [0; 4]))])];
    assert_eq!(found(&table, None), (vec![], vec![], 1));
    let table = [peers(1), rib(&[(0, vec![])])];
    assert_eq!(found(&table, None), (vec![], vec![], 1));
}

#[test]
fn updates_announce_replace_and_withdraw_the_paths_of_their_peer() {
    let updates = [
        update(1, &[], &[10, 11, 12], &attributes(1, [1, 1, 1, 1])),
        update(2, &[], &[10, 11], &attributes(2, [2, 2, 2, 2])),
        update(1, &[10], &[], &[]),
        update(2, &[12], &[], &[]),
        update(2, &[], &[11], &attributes(3, [3, 3, 3, 3])),
    ];
    let expected = [
        "10.0.0.0/8 via inet 2.2.2.2",
        "11.0.0.0/8 via inet 1.1.1.1",
        "12.0.0.0/8 via inet 1.1.1.1",
    ];
    assert_eq!(found(&updates, None), (words(&expected), vec![], 1));
}

/// Each zero byte behind a message would read as the prefix 0.0.0.0/0.
#[test]
fn bytes_behind_a_message_are_not_read_as_prefixes() {
    let mut long = update(1, &[], &[10], &attributes(1, [1, 1, 1, 1]));
    long.extend([0; 64]);
    let length = (long.len() - 12) as u32;
    long[8..12].copy_from_slice(&length.to_be_bytes());
    let mut short = update(1, &[], &[11], &attributes(1, [1, 1, 1, 1]));
    short.truncate(short.len() - 1);
    let length = (short.len() - 12) as u32;
    short[8..12].copy_from_slice(&length.to_be_bytes());
    let expected = words(&["10.0.0.0/8 via inet 1.1.1.1"]);
    assert_eq!(found(&[long, short], None), (expected, vec![2], 0));
}

#[test]
fn bad_records_are_named_and_the_others_are_read() {
    let good = rib(&[(0, attributes(1, [1, 1, 1, 1]))]);
    let mut attribute_beyond_end = attributes(1, [1, 1, 1, 1]);
    attribute_beyond_end[2] = 200;
    let table = [
        peers(1),
        rib(&[(7, attributes(1, [2, 2, 2, 2]))]),
        record(13, 2, &[0, 0, 0, 0, 33, 10, 0, 0, 0, 0, 0, 0]),
        record(13, 2, &[0, 0]),
        record(99, 1, &[]),
        rib(&[(0, attribute_beyond_end)]),
        record(32, 0, &[1, 2, 3]),
        good.clone(),
        good[..good.len() - 1].to_vec(),
    ];
    let expected = words(&["10.0.0.0/8 via inet 1.1.1.1"]);
    assert_eq!(
        found(&table, None),
        (expected, vec![2, 3, 4, 5, 6, 7, 9], 0)
    );
}

#[test]
fn a_failing_file_ends_the_import() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::InvalidData.into())
        }
    }
    let table = [peers(1), rib(&[(0, attributes(1, [1, 1, 1, 1]))])].concat();
    let found = find(table.chain(Failing), None);
    assert_eq!(found.candidates.len(), 1);
    assert_eq!(found.refused.len(), 1);
}

#[test]
fn text_is_no_record() {
    assert!(is_mrt(&peers(1)));
    assert!(is_mrt(&update(1, &[], &[], &[])));
    for head in [
        &b"default via 10.0.0.1 dev eth0"[..],
        b"",
        b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00",
    ] {
        assert!(!is_mrt(head), "{head:?}");
    }
    // A length above the limit.
    assert!(!is_mrt(&[0, 0, 0, 0, 0, 13, 0, 1, 0xff, 0, 0, 0]));
}

/// A table of 60 peers has 60 million paths.
#[test]
fn one_path_of_a_table_is_kept_for_a_prefix() {
    let paths: Vec<_> = (0..60)
        .map(|peer| (peer, attributes(60 - peer, [peer, 1, 1, 1])))
        .collect();
    let mut all = Paths {
        only: None,
        by_prefix: BTreeMap::new(),
        unused: 0,
    };
    let entries = paths
        .iter()
        .map(|(peer, bytes)| (u16::from(*peer), &bytes[..]));
    let peers: Vec<_> = (0..60).map(|peer| [192, 0, 2, peer].into()).collect();
    let prefix = Prefix::network([10, 0, 0, 0].into(), 8);
    read_rib(prefix, entries, &peers, 2, &mut all).expect("valid paths");
    let kept = &all.by_prefix[&prefix];
    assert_eq!((kept.updates.len(), kept.others), (0, 59));
    assert_eq!(kept.best.map(|best| best.peer), Some(peers[59]));
}

#[test]
fn an_update_of_the_best_path_of_a_table_is_named() {
    let paths = [
        (0, attributes(1, [1, 1, 1, 1])),
        (1, attributes(2, [2, 2, 2, 2])),
    ];
    let table = || vec![peers(2), rib(&paths)];
    let after = |update: Vec<u8>| found(&[table(), vec![update]].concat(), None);
    let best = words(&["10.0.0.0/8 via inet 1.1.1.1"]);
    // Another peer's path, and a path that is still the best one.
    assert_eq!(after(update(1, &[10], &[], &[])), (best.clone(), vec![], 1));
    let same = update(0, &[], &[10], &attributes(1, [1, 1, 1, 1]));
    assert_eq!(after(same), (best, vec![], 1));
    // The second path of the table could be the best one now.
    assert_eq!(after(update(0, &[10], &[], &[])), (vec![], vec![3], 1));
    let worse = update(0, &[], &[10], &attributes(5, [3, 3, 3, 3]));
    let expected = words(&["10.0.0.0/8 via inet 3.3.3.3"]);
    assert_eq!(after(worse), (expected, vec![3], 1));
}

/// The time of an update must not grow with the peers of its prefix.
#[test]
fn updates_of_many_peers_take_linear_time() {
    let prefix = Prefix::network([10, 0, 0, 0].into(), 8);
    let mut paths = Paths {
        only: None,
        by_prefix: BTreeMap::new(),
        unused: 0,
    };
    let start = std::time::Instant::now();
    for peer in 0..200_000_u32 {
        let peer = IpAddr::from(peer.to_be_bytes());
        let path = paths
            .candidate(peer, Some(peer), 1, u64::from(u32::MAX))
            .expect("a path");
        paths.announce(prefix, path).expect("no table");
    }
    // A search of all peers takes minutes.
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}
