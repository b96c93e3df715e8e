//! Databases that are not there, are there and say nothing, or are not who they say.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use tollgate_ledger::{Account, Ask, Bank};
use tollgate_store::{Store, StoreError};

use crate::support::postgres::Postgres;
use crate::support::{Database, OPERATOR, budget, tenant};

fn unreachable<T: std::fmt::Debug>(done: Result<T, StoreError>) {
    let Err(StoreError::Unreachable(why)) = done else { panic!("{done:?}") };
    assert!(!why.contains("hunter2"), "{why}");
}

#[test]
fn a_server_that_went_and_came_back_is_found_again() {
    let mut server = Postgres::start();
    let url = server.database("restarted");
    let store = Store::connect_lazily(&url).unwrap();
    store.create_tenant(&OPERATOR, tenant("acme")).unwrap();
    let cap = store.create_budget(&OPERATOR, budget("acme", 10)).unwrap();
    let ask = [Ask { account: Account::new(cap.id.as_str(), 0), least: 1, most: 4 }];
    server.halt();
    let start = Instant::now();
    unreachable(store.tenant(&OPERATOR, "acme"));
    unreachable(Store::open(&url));
    assert!(store.grant("n", &ask).is_err());
    let lazy = Store::connect_lazily(&url).unwrap();
    unreachable(lazy.all_tenants());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    server.run();
    assert_eq!(store.tenant(&OPERATOR, "acme").unwrap(), tenant("acme"));
    assert_eq!(store.grant("n", &ask).unwrap()[0].leased, 4);
    assert_eq!(lazy.all_tenants().unwrap().len(), 1);
}

#[test]
fn a_server_that_says_nothing_holds_nobody_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u:hunter2@{}/d", silent.local_addr().unwrap());
    let start = Instant::now();
    unreachable(Store::open(&url));
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
}

#[test]
fn a_server_that_stops_in_the_middle_holds_nobody_up_either() {
    let server = Postgres::start();
    let store = Store::open(&server.database("stopped")).unwrap();
    store.create_tenant(&OPERATOR, tenant("acme")).unwrap();
    server.signal("STOP");
    let start = Instant::now();
    unreachable(store.tenant(&OPERATOR, "acme"));
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    server.signal("CONT");
    assert_eq!(store.tenant(&OPERATOR, "acme").unwrap(), tenant("acme"));
}

#[test]
fn a_new_file_is_for_its_owner_alone() {
    let database = Database::sqlite();
    let store = database.open();
    store.create_tenant(&OPERATOR, tenant("acme")).unwrap();
    for file in std::fs::read_dir(&database.folder.0).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
    unreachable(Store::open("sqlite:/nowhere/at/all.db"));
}

#[test]
fn tls_is_spoken_only_with_a_server_that_is_trusted() {
    let ours = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let server =
        Postgres::start_with(&[("server.crt", &ours.cert.pem()), ("server.key", &ours.signing_key.serialize_pem())]);
    let (trusted, stranger) = (server.folder.join("server.crt"), server.folder.join("other.crt"));
    std::fs::write(&stranger, other.cert.pem()).unwrap();
    let url = server.database("sealed");
    let with = |roots: &std::path::Path| format!("{url}?sslmode=verify-full&sslrootcert={}", roots.display());
    unreachable(Store::open(&with(&stranger)));
    let store = Store::open(&with(&trusted)).unwrap();
    assert_eq!(store.all_tenants().unwrap(), []);
    let mut sessions = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let sealed = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                  WHERE ssl AND application_name = 'tollgate'";
    assert_eq!(sessions.query_one(sealed, &[]).unwrap().get::<_, i64>(0), 1);
}

#[test]
fn a_password_is_in_no_message_even_if_the_server_says_it() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u:hunter2@{}/d", server.local_addr().unwrap());
    let answers = std::thread::spawn(move || {
        let (mut socket, _) = server.accept().unwrap();
        let _ = socket.read(&mut [0; 1024]).unwrap();
        let fields = b"SFATAL\0C28P01\0Mhunter2 is not the password\0\0";
        socket.write_all(b"E").unwrap();
        socket.write_all(&(fields.len() as u32 + 4).to_be_bytes()).unwrap();
        socket.write_all(fields).unwrap();
    });
    let Err(StoreError::Unreachable(why)) = Store::open(&url) else { panic!("it opened") };
    answers.join().unwrap();
    assert!(why.contains("… is not the password"), "{why}");
    assert!(!why.contains("hunter2"), "{why}");
}
