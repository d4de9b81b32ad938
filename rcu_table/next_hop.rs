// SPDX-License-Identifier: GPL-2.0

//! Next hops, and their sharing among routes.

use core::{fmt, net::IpAddr, str};
use kernel::{prelude::*, rbtree::RBTree, sync::Arc};

/// The name of a network device, as `IFNAMSIZ` bounds it: 1 to 15 bytes without space, slash or colon, as
/// the kernel wants them, and without the sign that starts a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DevName {
    /// Padded with zeros.
    bytes: [u8; Self::MAX_LEN],
}

impl DevName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 15;

    /// A device name, if `name` can be one.
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.len() <= Self::MAX_LEN && name != "." && name != "..";
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"/:#".contains(&byte));
        if !fits || !plain {
            return None;
        }
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Some(Self { bytes })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        let len = self
            .bytes
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(Self::MAX_LEN);
        str::from_utf8(&self.bytes[..len]).unwrap_or("")
    }
}

/// Where matching packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NextHop {
    /// To a gateway of either family, perhaps through a named device.
    Via(IpAddr, Option<DevName>),
    /// Straight onto a device's link.
    Dev(DevName),
    /// Discarded silently.
    Blackhole,
    /// Discarded, with ICMP host unreachable.
    Unreachable,
    /// Discarded, with ICMP communication administratively prohibited.
    Prohibit,
}

impl NextHop {
    /// Whether `named` names this next hop, perhaps by a part of it, as in `ip route del`: a gateway
    /// alone names it on any device, a device alone with any gateway.
    pub fn is_named_by(&self, named: &NextHop) -> bool {
        match (self, named) {
            (NextHop::Via(gateway, _), NextHop::Via(named, None)) => gateway == named,
            (NextHop::Via(_, dev), NextHop::Dev(named)) => *dev == Some(*named),
            _ => self == named,
        }
    }
}

struct Interned {
    shared: Arc<NextHop>,
    routes: usize,
}

/// The next hops in use, each stored once however many routes share it. Guarded by the updaters'
/// mutex; readers reach next hops through routes.
pub(super) struct NextHops {
    interned: RBTree<NextHop, Interned>,
    count: usize,
}

impl NextHops {
    pub(super) fn new() -> Self {
        Self {
            interned: RBTree::new(),
            count: 0,
        }
    }

    /// How many different next hops are in use.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The shared copy of `next_hop` for one more route.
    pub(super) fn acquire(&mut self, next_hop: &NextHop) -> Result<Arc<NextHop>> {
        if let Some(known) = self.interned.get_mut(next_hop) {
            known.routes += 1;
            return Ok(known.shared.clone());
        }
        let shared = Arc::new(*next_hop, GFP_KERNEL)?;
        let first = Interned {
            shared: shared.clone(),
            routes: 1,
        };
        self.interned
            .try_create_and_insert(*next_hop, first, GFP_KERNEL)?;
        self.count += 1;
        Ok(shared)
    }

    /// One route less uses `next_hop`. Readers that still see the route keep the copy alive.
    pub(super) fn release(&mut self, next_hop: &NextHop) {
        let Some(known) = self.interned.get_mut(next_hop) else {
            return;
        };
        known.routes -= 1;
        if known.routes == 0 {
            self.interned.remove(next_hop);
            self.count -= 1;
        }
    }
}

impl fmt::Display for DevName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
