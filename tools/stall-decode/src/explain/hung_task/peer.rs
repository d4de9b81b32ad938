// SPDX-License-Identifier: GPL-2.0

//! Names the peer that must answer before the I/O of a task completes, by the functions in its
//! stack.

use crate::event::Event;

/// Prefixes of functions, and the peer that answers them.
const PEERS: [(&[&str], &str); 8] = [
    (
        &["nfs_", "nfs3_", "nfs4_", "rpc_", "xprt_"],
        "the NFS server, or the network",
    ),
    (
        &["cifs_", "smb2_", "SMB2_"],
        "the SMB server, or the network",
    ),
    (&["ceph_", "rbd_"], "the Ceph cluster, or the network"),
    (
        &["fuse_", "request_wait_answer"],
        "the FUSE daemon in user space",
    ),
    (&["drbd_"], "the DRBD peer, or the network"),
    (&["nbd_"], "the NBD server, or the network"),
    (&["iscsi_"], "the iSCSI target, or the network"),
    (&["p9_", "v9fs_"], "the 9P server or host"),
];

/// Returns the peer that must answer, if a function in the stack identifies it.
pub(super) fn of(event: &Event) -> Option<&'static str> {
    let mut frames = event.frames.iter();
    frames.find_map(|frame| {
        let name = frame.trim_start_matches('_');
        let mut peers = PEERS.iter();
        let found = peers.find(|(starts, _)| starts.iter().any(|start| name.starts_with(start)));
        found.map(|(_, peer)| *peer)
    })
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn the_server_of_a_network_file_system_is_named() {
        let cause = |inner: &str| {
            let event = only(&format!(
                "INFO: task cp:57 blocked for more than 120 seconds.\n\
                 schedule+0x1/0x2\n\
                 io_schedule+0x1/0x2\n\
                 wait_on_page_bit+0x1/0x2\n\
                 {inner}+0x1/0x2\n\
                 vfs_fsync+0x1/0x2\n"
            ));
            event.causes.concat()
        };
        assert!(cause("nfs_file_fsync").contains("the NFS server"));
        assert!(!cause("ext4_sync_file").contains("server, or the network"));
    }
}
