use super::*;

const UNIX: Peer = Peer::Unix { uid: 1, gid: 1 };
const LIMITS: Limits = Limits::DEFAULT;

#[test]
fn open_files_are_reserved_for_the_sidecar_itself() {
    for (limit, pools, number) in
        [(1024, 0, 864), (1024, 10, 614), (1024, 1000, 864), (4096, 4, 3680), (64, 0, 1)]
    {
        assert_eq!(OpenFiles::new(limit, pools, 1, &LIMITS).number(), number, "{limit} {pools}");
    }
    assert_eq!(OpenFiles::new(usize::MAX, usize::MAX, 1, &LIMITS).number(), Semaphore::MAX_PERMITS);
    let files = OpenFiles::new(64, 0, 1, &LIMITS);
    let taken = files.take(None);
    assert!(taken.is_some() && files.take(None).is_none());
    drop(taken);
    assert!(files.take(None).is_some());
}

#[test]
fn tcp_leaves_files_to_unix_callers_and_upstreams() {
    for (limit, of_tcp) in [(64, 1), (1024, 285), (3184, 1000), (100_000, 1000)] {
        let files = OpenFiles::new(limit, 0, 1, &LIMITS);
        let held: Vec<_> = std::iter::from_fn(|| files.for_connection(Peer::Tcp, None)).collect();
        assert_eq!(held.len(), of_tcp, "{limit}");
        assert_eq!(files.for_connection(UNIX, None).is_some(), files.number() > of_tcp, "{limit}");
    }
}

#[test]
fn each_listener_can_reject_when_no_file_is_left() {
    let files = OpenFiles::new(0, 0, 1, &LIMITS);
    let _last = files.take(None).unwrap();
    for peer in [UNIX, Peer::Tcp] {
        assert!(files.for_connection(peer, None).is_none());
        let held: Vec<_> = std::iter::from_fn(|| files.for_rejection(peer, None)).collect();
        assert_eq!(held.len(), REJECTIONS);
    }
}
