//! What a world is to be made of: vendors and their tempers, endpoints, keys, and the file that says so.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tollgate_auth::{Algorithm, Kind, NewKey, Pepper};
use tollgate_simulate::{Options, Profile, Vendor};

use crate::http::Connection;
use crate::world::{TOLLGATE, World, until};

/// A key as its owner holds it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The key itself.
    pub(crate) text: String,
    /// Its entry under `keys:`.
    pub(crate) entry: String,
    /// Its public id.
    pub(crate) id: String,
    /// What is stored of it.
    pub(crate) hash: String,
}

impl Key {
    /// A key of this name, with further members for its entry. The same number gives the same key.
    pub(crate) fn new(number: u8, name: &str, algorithm: Algorithm, extra: &str) -> Self {
        let key = NewKey::generate(Kind::Inference, [number; 40]);
        let (id, hash) = (key.id(), key.hash(algorithm, [number; 16], &Pepper::none()));
        let entry = format!("  - {{id: {id}, name: {name}, tenant: acme, hash: \"{hash}\"{extra}}}\n");
        Self { text: key.reveal().to_owned(), entry, id: id.to_string(), hash: hash.to_string() }
    }
}

/// One endpoint, its provider, and the model `only-NAME`.
struct Place {
    name: String,
    dialect: &'static str,
    base_url: String,
    extra: String,
}

/// What a world is to be made of.
pub(crate) struct Plans {
    vendor: Vendor,
    tls_vendor: Option<Vendor>,
    folder: PathBuf,
    address: Ipv4Addr,
    places: Vec<Place>,
    models: String,
    keys: Vec<Key>,
    server: String,
    sections: Vec<(String, String)>,
    tls: bool,
}

/// Every world has a loopback address to itself: its ports cannot be anyone else's.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = u8::try_from(1 + NEXT.fetch_add(1, Relaxed) % 250).expect("at most 250");
    Ipv4Addr::new(127, 1 + high % 250, low, number)
}

impl Plans {
    pub(crate) fn new() -> Self {
        let address = own_address();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("worlds").join(address.to_string());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the folder can be made");
        Self {
            vendor: Vendor::spawn(Options::default()).expect("a vendor starts"),
            tls_vendor: None,
            folder,
            address,
            places: Vec::new(),
            models: String::new(),
            keys: vec![Key::new(1, "test", Algorithm::Sha256, "")],
            server: String::new(),
            sections: Vec::new(),
            tls: false,
        }
    }

    /// A vendor that keeps in mind when each request came, and when it was hung up on. Said first.
    pub(crate) fn timed(mut self) -> Self {
        self.vendor = Vendor::spawn(Options { keep_times: true, ..Options::default() }).expect("a vendor starts");
        self
    }

    /// An endpoint in OpenAI's dialect with a flex tier: both behave like this.
    pub(crate) fn tiered(self, name: &str, standard: Profile, flex: Profile) -> Self {
        let of_flex = format!("{name}-flex");
        self.vendor.set(Profile { name: of_flex.clone(), ..flex });
        let tiers = [("flex".to_owned(), of_flex), ("priority".to_owned(), name.to_owned())].into();
        self.openai(name, Profile { tiers, ..standard })
    }

    /// An endpoint in OpenAI's dialect whose vendor behaves like this.
    pub(crate) fn openai(self, name: &str, profile: Profile) -> Self {
        self.openai_with(name, profile, "")
    }

    /// The same; `extra` are further lines of its provider.
    pub(crate) fn openai_with(self, name: &str, profile: Profile, extra: &str) -> Self {
        let base_url = format!("{}/v1", self.vendor.base_url(name));
        self.behaving(name, profile).place(name, "openai", base_url, extra)
    }

    /// An endpoint on Amazon's machines.
    pub(crate) fn amazon(self, name: &str) -> Self {
        let base_url = self.vendor.base_url(name);
        self.behaving(name, Profile::default()).place(name, "converse", base_url, "    vendor: bedrock\n")
    }

    /// An endpoint in Anthropic's dialect whose vendor behaves like this.
    pub(crate) fn anthropic(self, name: &str, profile: Profile) -> Self {
        let base_url = self.vendor.base_url(name);
        self.behaving(name, profile).place(name, "anthropic", base_url, "")
    }

    /// An endpoint in OpenAI's dialect that is taken for this known vendor.
    pub(crate) fn of_vendor(self, name: &str, vendor: &str) -> Self {
        let base_url = format!("{}/v1", self.vendor.base_url(name));
        self.place(name, "openai", base_url, &format!("    vendor: {vendor}\n"))
    }

    /// An endpoint in OpenAI's dialect at a vendor of its own, or at none.
    pub(crate) fn at(self, name: &str, base_url: impl Into<String>) -> Self {
        self.place(name, "openai", base_url.into(), "")
    }

    /// An endpoint in OpenAI's dialect over HTTP/2 in clear text.
    pub(crate) fn over_h2c(self, name: &str) -> Self {
        let base_url = format!("{}/v1", self.vendor.base_url(name));
        self.place(name, "openai", base_url, "    http: \"2\"\n")
    }

    /// An endpoint in OpenAI's dialect over TLS, of an authority that its provider names.
    pub(crate) fn over_tls(mut self, name: &str, http: &str) -> Self {
        let options = Options { tls: true, ..Options::default() };
        let vendor = self.tls_vendor.get_or_insert_with(|| Vendor::spawn(options).expect("a vendor starts"));
        let ca = self.folder.join("vendor-ca.pem");
        fs::write(&ca, vendor.ca_pem().expect("it speaks TLS")).expect("the file can be written");
        let base_url = format!("{}/v1", vendor.base_url(name));
        self.place(name, "openai", base_url, &format!("    http: \"{http}\"\n    ca_file: {}\n", ca.display()))
    }

    fn behaving(self, name: &str, profile: Profile) -> Self {
        self.vendor.set(Profile { name: name.to_owned(), ..profile });
        self
    }

    /// An endpoint; `extra` are further lines of its provider.
    pub(crate) fn place(mut self, name: &str, dialect: &'static str, base_url: String, extra: &str) -> Self {
        self.places.push(Place { name: name.to_owned(), dialect, base_url, extra: extra.to_owned() });
        self
    }

    /// A model with these candidates.
    pub(crate) fn model(mut self, name: &str, candidates: &[&str]) -> Self {
        let _ = writeln!(self.models, "  {name}: {{candidates: [{}]}}", candidates.join(", "));
        self
    }

    /// A model under other names too.
    pub(crate) fn aliased(mut self, name: &str, candidate: &str, aliases: &str) -> Self {
        let _ = writeln!(self.models, "  {name}: {{candidates: [{candidate}], aliases: [{aliases}]}}");
        self
    }

    /// One more key.
    pub(crate) fn key(mut self, key: &Key) -> Self {
        self.keys.push(key.clone());
        self
    }

    /// A member of `server:`.
    pub(crate) fn server(mut self, line: &str) -> Self {
        let _ = writeln!(self.server, "  {line}");
        self
    }

    /// A section of the file.
    pub(crate) fn section(mut self, name: &str, yaml: &str) -> Self {
        self.sections.push((name.to_owned(), yaml.to_owned()));
        self
    }

    /// A second listener, with TLS.
    pub(crate) fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    fn yaml(&self) -> String {
        let at = self.address;
        let mut listen = format!("    - address: {at}:4000\n");
        if self.tls {
            let _ = writeln!(listen, "    - {{address: \"{at}:4443\", tls: {{cert: cert.pem, key: key.pem}}}}");
        }
        let mut yaml = format!("server:\n  listen:\n{listen}  ops: {at}:4001\n  threads: 1\n{}", self.server);
        yaml.push_str("keys:\n");
        yaml.extend(self.keys.iter().map(|k| k.entry.as_str()));
        let (mut providers, mut endpoints, mut models) = (String::new(), String::new(), self.models.clone());
        for Place { name, dialect, base_url, extra } in &self.places {
            let _ = write!(
                providers,
                "  {name}:\n    dialect: {dialect}\n    base_url: {base_url}\n    api_key: credential-of-{name}\n{extra}"
            );
            let _ = writeln!(
                endpoints,
                "  {name}: {{provider: {name}, model: {name}-model, price_as: simulated/sim-small}}"
            );
            let _ = writeln!(models, "  only-{name}: {{candidates: [{name}]}}");
        }
        let _ = write!(yaml, "providers:\n{providers}endpoints:\n{endpoints}models:\n{models}");
        let _ = writeln!(yaml, "admin: {{listen: \"{at}:4002\"}}");
        for (name, section) in &self.sections {
            let _ = writeln!(yaml, "{name}: {section}");
        }
        yaml
    }

    /// Starts the gateway and waits until it is ready.
    pub(crate) fn start(self) -> World {
        self.start_by(Path::new(TOLLGATE))
    }

    /// Starts this binary in the gateway's place.
    pub(crate) fn start_by(self, binary: &Path) -> World {
        self.launch(binary).when_ready()
    }

    /// Starts the gateway and waits until it listens, ready or not.
    pub(crate) fn start_unready(self) -> World {
        let world = self.launch(Path::new(TOLLGATE));
        until("the gateway listens", || Connection::try_open(world.clients()).ok().map(drop));
        world
    }

    fn launch(self, binary: &Path) -> World {
        let yaml = self.yaml();
        fs::write(self.folder.join("tollgate.yaml"), &yaml).expect("the file can be written");
        let ca_pem = self.tls.then(|| certificate(&self.folder, self.address));
        let Self { vendor, tls_vendor, folder, address, keys, .. } = self;
        let child = gateway(binary, &folder).spawn().expect("the binary starts");
        let key = keys[0].text.clone();
        World { child, folder, address, key, yaml, vendor, tls_vendor, ca_pem }
    }
}

/// The gateway, to be started in this folder.
pub(crate) fn gateway(binary: &Path, folder: &Path) -> Command {
    let out = |name: &str| {
        let file = File::options().create(true).append(true).open(folder.join(name));
        Stdio::from(file.expect("the file can be made"))
    };
    let mut command = Command::new(binary);
    command
        .args(["serve", "--config", "tollgate.yaml"])
        .current_dir(folder)
        .env_remove("TOLLGATE_LOG")
        .env_remove("TOLLGATE_CONFIG")
        .stdout(out("stdout"))
        .stderr(out("stderr"));
    command
}

/// A certificate for the gateway's own listener; clients trust it as it is.
fn certificate(folder: &Path, address: Ipv4Addr) -> String {
    let names = vec!["localhost".to_owned(), address.to_string()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    fs::write(folder.join("cert.pem"), made.cert.pem()).expect("the file can be written");
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("the file can be written");
    made.cert.pem()
}
