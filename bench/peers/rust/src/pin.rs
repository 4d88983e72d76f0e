//! Tying threads to processors, for --pin; without that option these do nothing.

use super::options;

/// Whether it can be done here at all.
pub fn possible() -> bool {
    cfg!(target_os = "linux")
}

/// Tie the calling thread to one of the processors that this process may use; `which` counts on past the last one.
pub fn thread(which: usize) {
    if options::pin() {
        system::tie(Some(which));
    }
}

/// Let the calling thread use all of them again.
pub fn undo() {
    if options::pin() {
        system::tie(None);
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::mem::{size_of, zeroed};

    use std::sync::Mutex;

    /// The processors of the process, read by whoever is the first to be tied, and is not tied yet.
    static USABLE: Mutex<Option<libc::cpu_set_t>> = Mutex::new(None);

    fn usable() -> libc::cpu_set_t {
        *USABLE.lock().unwrap().get_or_insert_with(|| unsafe {
            let mut set = zeroed();
            assert_eq!(libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set), 0);
            set
        })
    }

    pub fn tie(which: Option<usize>) {
        let usable = usable();
        let mut set = usable;
        unsafe {
            if let Some(which) = which {
                let all: Vec<usize> =
                    (0..libc::CPU_SETSIZE as usize).filter(|&one| libc::CPU_ISSET(one, &usable)).collect();
                libc::CPU_ZERO(&mut set);
                libc::CPU_SET(all[which % all.len()], &mut set);
            }
            assert_eq!(libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set), 0);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub fn tie(_which: Option<usize>) {}
}
