// SPDX-License-Identifier: GPL-2.0

//! The words that the route table's readers load, as they ship, and stand-ins for what they name.

pub use fib::{CountedLink, ReusedNumber, TableArray, TableLink, Unlinked};

/// Stands in for `rcu_table/fib.rs`.
mod fib {
    use crate::{object::Object, rcu::Guard};
    use std::{cell::RefCell, ptr};
    use word::{ChangeCount, NumberWord, PointerWord, ReuseCount};

    #[allow(
        dead_code,
        unused_imports,
        reason = "the module's own build has the lints"
    )]
    mod word {
        include!(concat!(env!("OUT_DIR"), "/word.rs"));
    }

    #[track_caller]
    fn new_object(number: usize) -> *mut Object {
        Box::into_raw(Box::new(Object::new(number)))
    }

    /// An object that a reader may use and no word names any more.
    pub struct Unlinked(Box<Object>);

    impl Unlinked {
        fn of(object: *mut Object) -> Option<Self> {
            // SAFETY: Each object came from a box. The caller has removed the only pointer to it.
            (!object.is_null()).then(|| Self(unsafe { Box::from_raw(object) }))
        }

        /// Writes to the object.
        #[track_caller]
        pub fn write(&mut self, number: usize) {
            self.0.write(number);
        }
    }

    /// A link to a node, or the pointer to the roots.
    pub struct TableLink(PointerWord<Object>);

    impl TableLink {
        /// Returns a link to a new node.
        #[track_caller]
        pub fn new(number: usize) -> Self {
            Self(PointerWord::new(new_object(number)))
        }

        /// Reads the node's number inside a read-side critical section.
        #[track_caller]
        pub fn read(&self, _guard: &Guard) -> Option<usize> {
            let found = self.0.load();
            // SAFETY: A node that a reader finds is freed after a grace period.
            unsafe { found.as_ref() }.map(Object::read)
        }

        /// Publishes a new node and returns the old one.
        #[track_caller]
        pub fn replace(&self, number: usize) -> Option<Unlinked> {
            self.store(new_object(number))
        }

        /// Publishes the node of another link here, and returns the old one.
        pub fn replace_by(&self, other: &TableLink) -> Option<Unlinked> {
            self.store(other.0.load())
        }

        /// Removes the node.
        pub fn cut(&self) -> Option<Unlinked> {
            self.store(ptr::null_mut())
        }

        /// A test excludes its updaters.
        fn store(&self, new: *mut Object) -> Option<Unlinked> {
            let old = self.0.load();
            self.0.store(new);
            Unlinked::of(old)
        }
    }

    /// A link, and the number of its changes.
    pub struct CountedLink {
        link: TableLink,
        changes: ChangeCount,
    }

    impl CountedLink {
        /// Returns a link to a new node, without changes.
        #[track_caller]
        pub fn new(number: usize) -> Self {
            Self {
                link: TableLink::new(number),
                changes: ChangeCount::new(),
            }
        }

        /// Publishes a new node, counts the change, and returns the old node.
        #[track_caller]
        pub fn replace(&self, number: usize) -> Option<Unlinked> {
            let old = self.link.replace(number);
            self.changes.count();
            old
        }

        /// Reads the number of changes, and then the node's number.
        #[track_caller]
        pub fn read(&self, guard: &Guard) -> (u64, Option<usize>) {
            let changes = self.changes.load();
            (changes, self.link.read(guard))
        }

        /// Removes the node. A test excludes readers.
        pub fn cut(&self) -> Option<Unlinked> {
            self.link.cut()
        }
    }

    /// A word that names a number, and the number of reuses.
    pub struct ReusedNumber {
        best: NumberWord,
        reuses: ReuseCount,
    }

    impl ReusedNumber {
        /// Returns a word that names a number, without reuses.
        #[track_caller]
        pub fn new(number: u32) -> Self {
            Self {
                best: NumberWord::new(number),
                reuses: ReuseCount::new(),
            }
        }

        /// Counts a reuse, and publishes the number 1.
        #[track_caller]
        pub fn reuse(&self) {
            self.reuses.count();
            self.best.store(1);
        }

        /// Reads the number, and then the number of reuses.
        #[track_caller]
        pub fn read(&self) -> (u32, u64) {
            let number = self.best.load();
            (number, self.reuses.load())
        }
    }

    /// The array of answers: the second one replaces the first one when the first one is full.
    pub struct TableArray {
        array: PointerWord<[*mut Object; 2]>,
        best: NumberWord,
        arrays: RefCell<Vec<*mut [*mut Object; 2]>>,
    }

    impl TableArray {
        /// Returns an array with answer 0, which a word names.
        #[track_caller]
        pub fn new(answer: usize) -> Self {
            let array = Box::into_raw(Box::new([new_object(answer), ptr::null_mut()]));
            Self {
                array: PointerWord::new(array),
                best: NumberWord::new(0),
                arrays: RefCell::new(vec![array]),
            }
        }

        /// Reads the answer that the word names.
        #[track_caller]
        pub fn read(&self, _guard: &Guard) -> Option<usize> {
            let number = self.best.load();
            // SAFETY: The test frees the arrays after the last reader.
            let array = unsafe { &*self.array.load() };
            // SAFETY: As above, for the answers.
            unsafe { array[number as usize].as_ref() }.map(Object::read)
        }

        /// Publishes a larger array, and then the number of a new answer in it.
        #[track_caller]
        pub fn grow(&self, answer: usize) {
            // SAFETY: Only this updater replaces the array.
            let first = unsafe { (*self.array.load())[0] };
            let array = Box::into_raw(Box::new([first, new_object(answer)]));
            self.array.store(array);
            self.arrays.borrow_mut().push(array);
            self.best.store(1);
        }

        /// Frees all arrays. No reader uses them.
        pub fn free(&self) {
            let arrays = self.arrays.take();
            // SAFETY: The last array has all answers; the caller excludes readers.
            let answers = arrays.last().map(|array| unsafe { **array });
            for answer in answers.into_iter().flatten() {
                drop(Unlinked::of(answer));
            }
            for array in arrays {
                // SAFETY: Each array came from a box.
                drop(unsafe { Box::from_raw(array) });
            }
        }
    }
}
