//! What invented people are made of: names in several scripts with the Latin letters of their addresses, departments,
//! places, titles. Nobody here exists; every address ends in `.test`.

/// A name, and how it stands in an address.
pub type Name = (&'static str, &'static str);

/// Given and family names of one script.
pub struct Script {
    pub given: &'static [Name],
    pub family: &'static [Name],
}

/// Scripts; the first is by far the most frequent.
pub const SCRIPTS: &[Script] = &[
    Script {
        given: &[
            ("Zoë", "zoe"),
            ("Björn", "bjorn"),
            ("Łukasz", "lukasz"),
            ("Inès", "ines"),
            ("Seán", "sean"),
            ("Jürgen", "jurgen"),
            ("Ştefan", "stefan"),
            ("Đorđe", "dorde"),
            ("Ann", "ann"),
            ("Kwame", "kwame"),
            ("Priya", "priya"),
            ("D'Arcy", "darcy"),
            ("Øystein", "oystein"),
            ("Anne-Marie", "anne-marie"),
            ("Mary Jane", "maryjane"),
            ("İpek", "ipek"),
            ("Nuño", "nuno"),
            ("Siân", "sian"),
            ("Noor", "noor"),
            ("Tom", "tom"),
        ],
        family: &[
            ("O'Neil", "oneil"),
            ("Müller", "mueller"),
            ("Nguyễn", "nguyen"),
            ("García-López", "garcia-lopez"),
            ("Wójcik", "wojcik"),
            ("van der Berg", "vanderberg"),
            ("Çelik", "celik"),
            ("Dvořák", "dvorak"),
            ("N'Diaye", "ndiaye"),
            ("Ó Súilleabháin", "osuilleabhain"),
            ("Østergård", "ostergard"),
            ("Straße", "strasse"),
            ("Kovačević", "kovacevic"),
            ("Smith", "smith"),
            ("Țăran", "taran"),
            ("Lee", "lee"),
        ],
    },
    Script {
        given: &[("Ελένη", "eleni"), ("Γιώργος", "giorgos")],
        family: &[("Παπαδόπουλος", "papadopoulos"), ("Νικολάου", "nikolaou")],
    },
    Script {
        given: &[("Олена", "olena"), ("Иван", "ivan")],
        family: &[("Шевченко", "shevchenko"), ("Ёлкин", "yolkin")],
    },
    Script {
        given: &[("結衣", "yui"), ("健太", "kenta")],
        family: &[("佐藤", "sato"), ("渡邉", "watanabe")],
    },
    Script {
        given: &[("نور", "noor"), ("يوسف", "yusuf")],
        family: &[("الحداد", "alhaddad"), ("منصور", "mansour")],
    },
    Script {
        given: &[("नीरज", "neeraj"), ("지우", "jiwoo")],
        family: &[("शर्मा", "sharma"), ("김", "kim")],
    },
];

/// A department; its division, cost centre and team come with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Unit {
    pub id: u32,
    pub name: &'static str,
    pub division: &'static str,
    pub cost_center: &'static str,
    pub team: &'static str,
    pub titles: &'static [&'static str],
}

/// Departments.
pub const UNITS: &[Unit] = &[
    unit(
        501,
        "Engineering",
        "Technology",
        "CC-100",
        "Platform",
        &["Engineer", "Senior Engineer", "R&D Lead"],
    ),
    unit(
        502,
        "Forschung & Entwicklung",
        "Technology",
        "CC-110",
        "Labor",
        &["Ingenieur:in", "Laborleitung"],
    ),
    unit(
        503,
        "Sales",
        "Commercial",
        "CC-200",
        "Field",
        &["Account Executive", "VP, \"Special\" Projects"],
    ),
    unit(
        504,
        "Ressources humaines",
        "Corporate",
        "CC-300",
        "Paie",
        &["Chargée de paie", "Chef de projet"],
    ),
    unit(
        505,
        "Customer Support",
        "Commercial",
        "CC-210",
        "Støtte",
        &["Support Agent", "Nurse (nights)"],
    ),
    unit(
        506,
        "Finance",
        "Corporate",
        "CC-310",
        "Ledger",
        &["Accountant", "Büroleitung"],
    ),
    unit(
        507,
        "Legal/Compliance",
        "Corporate",
        "CC-320",
        "Privacy",
        &["Counsel", "Compliance <Officer>"],
    ),
    unit(
        508,
        "営業部",
        "Commercial",
        "CC-220",
        "東京",
        &["営業", "課長"],
    ),
];

const fn unit(
    id: u32,
    name: &'static str,
    division: &'static str,
    cost_center: &'static str,
    team: &'static str,
    titles: &'static [&'static str],
) -> Unit {
    Unit {
        id,
        name,
        division,
        cost_center,
        team,
        titles,
    }
}

/// A place of work.
#[derive(Debug, PartialEq, Eq)]
pub struct Site {
    pub id: u32,
    pub name: &'static str,
    /// ISO 3166 alpha-2.
    pub country: &'static str,
    /// ISO 3166 alpha-3.
    pub country3: &'static str,
    pub country_name: &'static str,
    pub zone: &'static str,
    pub locale: &'static str,
    /// Beginning of its phone numbers.
    pub dial: &'static str,
    /// Offset from UTC in winter, as ISO 8601 writes it.
    pub offset: &'static str,
}

/// Places.
pub const SITES: &[Site] = &[
    site(
        60,
        "Berlin",
        ["DE", "DEU", "Germany"],
        "Europe/Berlin",
        "de-DE",
        "+49 30 5550",
        "+01:00",
    ),
    site(
        61,
        "Oslo",
        ["NO", "NOR", "Norway"],
        "Europe/Oslo",
        "nb-NO",
        "+47 55 50 0",
        "+01:00",
    ),
    site(
        62,
        "Lisboa",
        ["PT", "PRT", "Portugal"],
        "Europe/Lisbon",
        "pt-PT",
        "+351 21 555 0",
        "+00:00",
    ),
    site(
        63,
        "New York",
        ["US", "USA", "United States"],
        "America/New_York",
        "en-US",
        "+1 212 555 0",
        "-05:00",
    ),
    site(
        64,
        "東京",
        ["JP", "JPN", "Japan"],
        "Asia/Tokyo",
        "ja-JP",
        "+81 3 5550 ",
        "+09:00",
    ),
    site(
        65,
        "Pune",
        ["IN", "IND", "India"],
        "Asia/Kolkata",
        "en-IN",
        "+91 20 555 0",
        "+05:30",
    ),
];

const fn site(
    id: u32,
    name: &'static str,
    country: [&'static str; 3],
    zone: &'static str,
    locale: &'static str,
    dial: &'static str,
    offset: &'static str,
) -> Site {
    Site {
        id,
        name,
        country: country[0],
        country3: country[1],
        country_name: country[2],
        zone,
        locale,
        dial,
        offset,
    }
}

/// A legal entity.
#[derive(Debug, PartialEq, Eq)]
pub struct Entity {
    pub id: u32,
    pub name: &'static str,
}

/// Legal entities.
pub const ENTITIES: &[Entity] = &[
    Entity {
        id: 31,
        name: "Kestrel GmbH",
    },
    Entity {
        id: 32,
        name: "Kestrel & Sons Ltd",
    },
    Entity {
        id: 33,
        name: "Kestrel Société Anonyme",
    },
];

/// The company's mail domain; `.test` reaches nobody.
pub const DOMAIN: &str = "kestrel.test";
