//! Which system calls code in a sandbox may make.
//!
//! Namespaces keep it away from files, processes and the network; this keeps it away from the parts of the kernel
//! that such code has no business with, where the holes are found. What is not listed answers `ENOSYS`, as a kernel
//! would that never had it: the C library falls back by itself, which it does not for `EPERM`.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use serde::{Deserialize, Serialize};

/// How much of the network code may ask the kernel for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Filter {
    /// Sockets of this machine only.
    Closed,
    /// Also TCP and UDP, and the question after addresses that a resolver asks.
    Network,
}

impl Filter {
    /// The program for the kernel, as bytes.
    pub(super) fn program(self) -> Result<Vec<u8>, BackendError> {
        let arch = std::env::consts::ARCH.try_into()?;
        let filter = SeccompFilter::new(
            self.rules()?,
            SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
            SeccompAction::Allow,
            arch,
        )?;
        let program: BpfProgram = filter.try_into()?;
        Ok(program.iter().flat_map(instruction).collect())
    }

    fn rules(self) -> Result<BTreeMap<c_long, Vec<SeccompRule>>, BackendError> {
        let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
            COMMON.iter().chain(OLDER).map(|call| (*call, Vec::new())).collect();
        // A new namespace would bring back capabilities. `clone3` is not listed: its flags cannot be seen, and
        // without it the C library uses this one.
        let new_namespace = SeccompCmpOp::MaskedEq(NAMESPACES);
        rules.insert(libc::SYS_clone, vec![one(0, SeccompCmpArgLen::Qword, new_namespace, 0)?]);
        let families = match self {
            Self::Closed => &[libc::AF_UNIX][..],
            Self::Network => &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK],
        };
        let family = |family: &i32| {
            one(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(family.unsigned_abs()))
        };
        rules.insert(libc::SYS_socket, families.iter().map(family).collect::<Result<_, _>>()?);
        // Typing into the terminal of somebody else.
        let ioctl = TERMINAL
            .map(|request| SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, request));
        let ioctl = ioctl.into_iter().collect::<Result<_, _>>()?;
        rules.insert(libc::SYS_ioctl, vec![SeccompRule::new(ioctl)?]);
        Ok(rules)
    }
}

fn one(
    argument: u8,
    length: SeccompCmpArgLen,
    compare: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, length, compare, value)?])
}

/// One instruction as the kernel has it in memory (`struct sock_filter`).
fn instruction(it: &seccompiler::sock_filter) -> [u8; 8] {
    let [code0, code1] = it.code.to_ne_bytes();
    let [k0, k1, k2, k3] = it.k.to_ne_bytes();
    [code0, code1, it.jt, it.jf, k0, k1, k2, k3]
}

/// The flags of `clone` that make namespaces: new mounts, cgroups, host names, messages, users, processes, networks
/// (`linux/sched.h`).
const NAMESPACES: u64 =
    0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000;

/// `TIOCSTI` and `TIOCLINUX`.
const TERMINAL: [u64; 2] = [0x5412, 0x541c];

/// What Python and the programs that it starts need, on each architecture.
const COMMON: &[c_long] = &[
    // Files.
    libc::SYS_chdir,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fchdir,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fgetxattr,
    libc::SYS_flistxattr,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getxattr,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_rm_watch,
    libc::SYS_lgetxattr,
    libc::SYS_linkat,
    libc::SYS_listxattr,
    libc::SYS_llistxattr,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_symlinkat,
    libc::SYS_sync_file_range,
    libc::SYS_tee,
    libc::SYS_truncate,
    libc::SYS_umask,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_memfd_create,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_signalfd4,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_gettime,
    libc::SYS_timerfd_settime,
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_msync,
    libc::SYS_munlock,
    libc::SYS_munmap,
    // Processes and threads.
    libc::SYS_capget,
    libc::SYS_capset,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getgroups,
    libc::SYS_getpgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getpriority,
    libc::SYS_getresgid,
    libc::SYS_getresuid,
    libc::SYS_getrlimit,
    libc::SYS_getrusage,
    libc::SYS_getsid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_kill,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_rseq,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_yield,
    libc::SYS_seccomp,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_setfsgid,
    libc::SYS_setfsuid,
    libc::SYS_setgid,
    libc::SYS_setgroups,
    libc::SYS_setpgid,
    libc::SYS_setpriority,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setresuid,
    libc::SYS_setreuid,
    libc::SYS_setrlimit,
    libc::SYS_setsid,
    libc::SYS_setuid,
    libc::SYS_sysinfo,
    libc::SYS_tgkill,
    libc::SYS_tkill,
    libc::SYS_uname,
    libc::SYS_wait4,
    libc::SYS_waitid,
    // Signals and time.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getitimer,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_setitimer,
    libc::SYS_sigaltstack,
    libc::SYS_timer_create,
    libc::SYS_timer_delete,
    libc::SYS_timer_getoverrun,
    libc::SYS_timer_gettime,
    libc::SYS_timer_settime,
    libc::SYS_times,
    // Sockets, once there are some.
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
    libc::SYS_getrandom,
];

/// What only the older architecture has, and its programs still use.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_alarm,
    libc::SYS_arch_prctl,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_creat,
    libc::SYS_dup2,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_fork,
    libc::SYS_futimesat,
    libc::SYS_getdents,
    libc::SYS_getpgrp,
    libc::SYS_inotify_init,
    libc::SYS_lchown,
    libc::SYS_link,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_pause,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_select,
    libc::SYS_signalfd,
    libc::SYS_stat,
    libc::SYS_symlink,
    libc::SYS_time,
    libc::SYS_unlink,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_vfork,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_fits_into_the_kernel() {
        for filter in [Filter::Closed, Filter::Network] {
            let program = filter.program().unwrap();
            // `BPF_MAXINSNS` instructions of 8 bytes.
            assert!(program.len().is_multiple_of(8) && program.len() / 8 < 4096, "{}", program.len());
        }
        assert_ne!(Filter::Closed.program().unwrap(), Filter::Network.program().unwrap());
    }

    #[test]
    fn what_opens_doors_is_not_listed() {
        let rules = Filter::Network.rules().unwrap();
        for closed in [
            libc::SYS_add_key,
            libc::SYS_bpf,
            libc::SYS_clone3,
            libc::SYS_init_module,
            libc::SYS_io_uring_setup,
            libc::SYS_kexec_load,
            libc::SYS_keyctl,
            libc::SYS_mount,
            libc::SYS_open_by_handle_at,
            libc::SYS_perf_event_open,
            libc::SYS_pivot_root,
            libc::SYS_process_vm_readv,
            libc::SYS_ptrace,
            libc::SYS_setns,
            libc::SYS_umount2,
            libc::SYS_unshare,
            libc::SYS_userfaultfd,
            libc::SYS_chroot,
            libc::SYS_mknodat,
            libc::SYS_pidfd_getfd,
            libc::SYS_shmget,
        ] {
            assert!(!rules.contains_key(&closed), "{closed}");
        }
        // An empty list would mean: always.
        for narrow in [libc::SYS_clone, libc::SYS_socket, libc::SYS_ioctl] {
            assert!(!rules[&narrow].is_empty());
        }
    }
}
