// SPDX-License-Identifier: GPL-2.0

//! A network device's receive handler: published, called for each packet, unpublished, and freed
//! after a grace period, without `unsafe`. The order of `netdev_rx_handler_unregister()`.

#![deny(unsafe_code)]

pub mod rcu;

use core::sync::atomic::{AtomicU64, Ordering};
use kernel::{new_mutex, prelude::*};
use rcu::{Locked, Rcu, Reclaim, UniqueRcuBox, UpdaterLock, Workqueue};

rcu::drained_module! {
    type: Sample,
    name: "rcu_rx_handler",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Sample: the receive handler of a network device, in safe Rust",
    license: "GPL",
}

/// The verdict on a packet.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// The handler has taken the packet.
    Consumed,
    /// The stack handles the packet as usual.
    Pass,
}

/// A handler and its data in one object. In C they are two pointers, and a reader that finds the
/// function must also find the data: so C clears the function, waits, and then clears the data.
struct Handler {
    master: &'static str,
    protocol: u16,
    packets: AtomicU64,
}

impl Drop for Handler {
    fn drop(&mut self) {
        let packets = *self.packets.get_mut();
        pr_info!("handler of {} freed after {packets} packets\n", self.master);
    }
}

/// A real handler frees other objects too, so its destructor may sleep.
impl Reclaim for Handler {
    type Context = Workqueue;
}

/// The device. Its configuration changes under a lock: C's RTNL.
struct Device {
    handler: Rcu<Handler, Locked<Device>>,
}

/// Receives a packet: C's `__netif_receive_skb_core()`. It neither waits nor allocates.
fn receive(device: &Device, protocol: u16) -> Verdict {
    let guard = rcu::read_lock();
    match device.handler.dereference(&guard) {
        Some(handler) if handler.protocol == protocol => {
            // ORDERING: A statistic.
            handler.packets.fetch_add(1, Ordering::Relaxed);
            Verdict::Consumed
        }
        _ => Verdict::Pass,
    }
}

/// Publishes a handler: C's `netdev_rx_handler_register()`.
///
/// Errors: `EBUSY` if the device has one; `ENOMEM`.
fn register(device: &UpdaterLock<Device>, master: &'static str, protocol: u16) -> Result {
    let handler = Handler {
        master,
        protocol,
        packets: AtomicU64::new(0),
    };
    let new = UniqueRcuBox::new(handler, GFP_KERNEL)?;
    let mut updater = device.lock();
    let mut current = updater.select(|device| &device.handler);
    if current.current().is_some() {
        return Err(EBUSY);
    }
    if let Some(old) = current.replace(Some(new)) {
        old.queue_work();
    }
    Ok(())
}

/// Unpublishes the handler, waits for the packets in flight, and returns the number of packets that
/// it has consumed: C's `netdev_rx_handler_unregister()`.
fn unregister(device: &UpdaterLock<Device>) -> Option<u64> {
    let mut updater = device.lock();
    let old = updater.select(|device| &device.handler).replace(None)?;
    // The lock is held, as RTNL is.
    let mut handler = old.synchronize();
    // No packet can find the handler any more, so this is the final number.
    Some(*handler.packets.get_mut())
}

#[pin_data]
struct Sample {
    #[pin]
    device: UpdaterLock<Device>,
}

impl kernel::InPlaceModule for Sample {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let device = Device {
            handler: Rcu::locked(None),
        };
        try_pin_init!(Self {
            device <- UpdaterLock::new(device, new_mutex!((), "rtnl")),
            _: {
                pr_info!("without a handler: {:?}\n", receive(&device, 0x0806));
                register(&device, "bridge", 0x0806)?;
                let is_busy = register(&device, "bond", 0x0806) == Err(EBUSY);
                pr_info!("second handler refused: {is_busy}\n");
                pr_info!("other protocol: {:?}\n", receive(&device, 0x86dd));
                pr_info!("its protocol: {:?}\n", receive(&device, 0x0806));
                pr_info!("unregistered after {:?} packets\n", unregister(&device));
                pr_info!("after it: {:?}\n", receive(&device, 0x0806));
            },
        })
    }
}
