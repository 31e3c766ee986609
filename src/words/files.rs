//! What is wrong with a file of people, and what to do: in English as the bridge says it, here in French too.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "csv.empty",
        [
            "the file is empty: look at the export",
            "le fichier est vide : regardez l’export",
        ],
    ),
    (
        "csv.no_rows",
        [
            "the file has a header and no rows: look at the export; nobody is changed by an empty list",
            "le fichier a un en-tête et aucune ligne : regardez l’export ; une liste vide ne change personne",
        ],
    ),
    (
        "csv.nobody_active",
        [
            "nobody in the file is employed: look at the column of the status and at the dates",
            "personne dans le fichier n’est en poste : regardez la colonne du statut et les dates",
        ],
    ),
    (
        "csv.too_long",
        [
            "the file is larger than 100 MB: export only people, without documents or history",
            "le fichier dépasse 100 Mo : n’exportez que les personnes, sans documents ni historique",
        ],
    ),
    (
        "csv.too_many_rows",
        [
            "the file has too many rows: export one row for each person",
            "le fichier a trop de lignes : exportez une ligne par personne",
        ],
    ),
    (
        "csv.too_many_columns",
        [
            "the file has too many columns: export only the columns that are needed",
            "le fichier a trop de colonnes : n’exportez que les colonnes nécessaires",
        ],
    ),
    (
        "csv.too_many_bad",
        [
            "too many rows cannot be read: mend the rows, or the delimiter and the quote character",
            "trop de lignes ne peuvent pas être lues : corrigez les lignes, ou le séparateur et les guillemets",
        ],
    ),
    (
        "csv.encoding",
        [
            "some bytes are no text in this encoding: export as UTF-8, or set `encoding`",
            "des octets ne sont pas du texte dans cet encodage : exportez en UTF-8, ou réglez `encoding`",
        ],
    ),
    (
        "csv.not_text",
        [
            "this is no CSV but a workbook, a PDF or another kind of file: export as CSV",
            "ce n’est pas un CSV mais un classeur, un PDF ou un autre fichier : exportez en CSV",
        ],
    ),
    (
        "csv.html",
        [
            "this is a web page: perhaps the one on which one signs in: look at how the export is fetched",
            "c’est une page web, peut-être celle de la connexion : regardez comment l’export est récupéré",
        ],
    ),
    (
        "csv.formula_error",
        [
            "a spreadsheet wrote an error here instead of the id: mend the cell and export again",
            "un tableur a écrit une erreur à la place de l’identifiant : corrigez la cellule et exportez de nouveau",
        ],
    ),
    (
        "csv.header_too_long",
        [
            "the first line is too long for a header: look at the export",
            "la première ligne est trop longue pour un en-tête : regardez l’export",
        ],
    ),
    (
        "csv.quote_open",
        [
            "a quote is never closed: the file may be cut off: export it again, or double quotes inside cells",
            "un guillemet n’est jamais fermé, le fichier est peut-être coupé : exportez de nouveau, ou doublez les guillemets dans les cellules",
        ],
    ),
    (
        "csv.header_quote",
        [
            "the header has a quote in the wrong place: mend the first line",
            "l’en-tête a un guillemet mal placé : corrigez la première ligne",
        ],
    ),
    (
        "csv.column_missing",
        [
            "a column is missing that cannot be done without: add it, or name it in `columns`",
            "une colonne indispensable manque : ajoutez-la, ou nommez-la dans `columns`",
        ],
    ),
    (
        "csv.column_unknown",
        [
            "a column that the settings name is not there: correct `columns`, or the export",
            "une colonne que les réglages nomment n’y est pas : corrigez `columns`, ou l’export",
        ],
    ),
    (
        "csv.column_gone",
        [
            "a column that the last file had is not there: add it again; if it is gone for good, set `columns` to its name, `=` and nothing",
            "une colonne que le dernier fichier avait n’y est pas : ajoutez-la de nouveau ; si c’est définitif, réglez `columns` sur son nom, `=` et rien",
        ],
    ),
    (
        "csv.changes_need_status",
        [
            "a file of changes says who left, by a status or an end date: add the column, or set `holds` to everybody",
            "un fichier de changements dit qui est parti, par un statut ou une date de fin : ajoutez la colonne, ou réglez `holds` sur everybody",
        ],
    ),
    (
        "csv.date_ambiguous",
        [
            "day and month of this column could be either: set `dates` to the way in which they are written",
            "le jour et le mois de cette colonne peuvent être l’un ou l’autre : réglez `dates` sur leur écriture",
        ],
    ),
    (
        "csv.date_format",
        [
            "the dates of this column are not all written in one known way: mend them, or set `dates`",
            "les dates de cette colonne ne sont pas toutes écrites d’une même façon connue : corrigez-les, ou réglez `dates`",
        ],
    ),
    (
        "csv.date",
        [
            "this is no date: mend the cell",
            "ce n’est pas une date : corrigez la cellule",
        ],
    ),
    (
        "csv.status",
        [
            "this status word is not known: set it in `status_words`",
            "ce mot de statut n’est pas connu : réglez-le dans `status_words`",
        ],
    ),
    (
        "csv.status_unknown",
        [
            "a status word is not known; its rows are refused: set it in `status_words`",
            "un mot de statut n’est pas connu, ses lignes sont refusées : réglez-le dans `status_words`",
        ],
    ),
    (
        "csv.no_id",
        [
            "the row has no id: fill it in: without one nobody knows whom the row is about",
            "la ligne n’a pas d’identifiant : remplissez-le, sans lui nul ne sait de qui parle la ligne",
        ],
    ),
    (
        "csv.id_repeated",
        [
            "the id is there more than once, with different cells: mend it, or set `several_rows` to yes",
            "l’identifiant est là plusieurs fois, avec des cellules différentes : corrigez-le, ou réglez `several_rows` sur yes",
        ],
    ),
    (
        "csv.email_shared",
        [
            "two people have this address: give each her own",
            "deux personnes ont cette adresse : donnez à chacune la sienne",
        ],
    ),
    (
        "csv.quote",
        [
            "a quote is in the wrong place: double quotes inside cells",
            "un guillemet est mal placé : doublez les guillemets dans les cellules",
        ],
    ),
    (
        "csv.cells",
        [
            "the row has too few or too many cells: put cells with a delimiter inside into quotes",
            "la ligne a trop peu ou trop de cellules : mettez entre guillemets les cellules qui contiennent un séparateur",
        ],
    ),
    (
        "csv.cell_too_long",
        [
            "a cell is longer than 64 KiB: look at the row",
            "une cellule dépasse 64 Kio : regardez la ligne",
        ],
    ),
    (
        "csv.scientific",
        [
            "a spreadsheet turned the id into a number: format the column as text and export again",
            "un tableur a fait de l’identifiant un nombre : formatez la colonne en texte et exportez de nouveau",
        ],
    ),
    (
        "csv.turned_into_date",
        [
            "a spreadsheet turned the id into a date: format the column as text and export again",
            "un tableur a fait de l’identifiant une date : formatez la colonne en texte et exportez de nouveau",
        ],
    ),
    (
        "csv.no_email_column",
        [
            "there is no column with e-mail addresses: add one: nobody can be matched or invited without",
            "il n’y a pas de colonne d’adresses : ajoutez-en une, sans elle personne n’est reconnu ni invité",
        ],
    ),
    (
        "csv.encoding_guessed",
        [
            "the file is not UTF-8 and was read as Windows-1252: look at names with accents; set `encoding` if they are wrong",
            "le fichier n’est pas en UTF-8 et a été lu comme Windows-1252 : regardez les noms accentués ; réglez `encoding` s’ils sont faux",
        ],
    ),
    (
        "csv.encoding_mixed",
        [
            "parts of the file are UTF-8 and others are not: export it in one encoding",
            "des parties du fichier sont en UTF-8 et d’autres non : exportez-le en un seul encodage",
        ],
    ),
    (
        "csv.header_repeated",
        [
            "a header is there twice: rename one",
            "un en-tête est là deux fois : renommez-en un",
        ],
    ),
    (
        "csv.header_empty",
        [
            "a column has no header: name it",
            "une colonne n’a pas d’en-tête : nommez-la",
        ],
    ),
    (
        "csv.one_column",
        [
            "there is only one column: look at the delimiter",
            "il n’y a qu’une colonne : regardez le séparateur",
        ],
    ),
    (
        "csv.rows_equal",
        [
            "rows are there twice, cell by cell: they count once",
            "des lignes sont là deux fois, cellule par cellule : elles comptent une fois",
        ],
    ),
    (
        "csv.ids_shorter",
        [
            "ids are shorter than in the last file: a spreadsheet may have cut leading zeros: compare them before more is done",
            "les identifiants sont plus courts que dans le dernier fichier, un tableur a peut-être coupé des zéros : comparez-les avant d’aller plus loin",
        ],
    ),
    (
        "file.older",
        [
            "it is older than the last one that was read: deliver a newer one",
            "il est plus ancien que le dernier lu : livrez-en un plus récent",
        ],
    ),
    (
        "file.changed",
        [
            "it was changed while it was read: deliver it again, best under another name until it is complete",
            "il a été changé pendant la lecture : livrez-le de nouveau, de préférence sous un autre nom jusqu’à ce qu’il soit complet",
        ],
    ),
    (
        "file.not_yet",
        [
            "it is not complete yet, or still being written: nothing: it is looked at again in half a minute",
            "il n’est pas encore complet, ou en cours d’écriture : rien à faire, on le regarde de nouveau dans une demi-minute",
        ],
    ),
    (
        "file.unreadable",
        [
            "the file cannot be read: look at its name and its rights",
            "le fichier ne peut pas être lu : regardez son nom et ses droits",
        ],
    ),
    (
        "file.none",
        [
            "no file has come: look at the export and at the names that `pattern` takes",
            "aucun fichier n’est venu : regardez l’export et les noms que `pattern` accepte",
        ],
    ),
    (
        "file.expired",
        [
            "it waited for more than a day and was thrown away: send it again",
            "il a attendu plus d’un jour et a été jeté : envoyez-le de nouveau",
        ],
    ),
    (
        "file.folder",
        [
            "the folder's name cannot be used: tell the operator",
            "le nom du dossier ne peut pas être utilisé : dites-le à l’exploitant",
        ],
    ),
    (
        "file.folder_missing",
        [
            "the folder is not there: make it; a link does not count",
            "le dossier n’est pas là : créez-le ; un lien ne compte pas",
        ],
    ),
    (
        "file.too_many",
        [
            "there are too many files in the folder: take old ones away",
            "il y a trop de fichiers dans le dossier : enlevez les anciens",
        ],
    ),
    (
        "file.too_long",
        [
            "the file is larger than 100 MB: export only people, without documents or history",
            "le fichier dépasse 100 Mo : n’exportez que les personnes, sans documents ni historique",
        ],
    ),
    (
        "file.not_taken",
        [
            "this connection reads no files: name one of the connectors `csv`, `folder` or `sftp`",
            "cette connexion ne lit pas de fichiers : nommez un des connecteurs `csv`, `folder` ou `sftp`",
        ],
    ),
    (
        "sftp.no_credential",
        [
            "there is neither a password nor a private key: enter one of them",
            "il n’y a ni mot de passe ni clé privée : saisissez l’un des deux",
        ],
    ),
    (
        "sftp.sign_in",
        [
            "the server does not let this user in: enter another password or key, or have the server's owner add the key",
            "le serveur ne laisse pas entrer cet utilisateur : saisissez un autre mot de passe ou une autre clé, ou faites ajouter la clé sur le serveur",
        ],
    ),
    (
        "sftp.host_key",
        [
            "the server shows another key than the pinned one: ask its owner whether the key was changed; until then nobody signs in",
            "le serveur montre une autre clé que celle qui est fixée : demandez à son propriétaire si elle a changé ; d’ici là personne ne s’y connecte",
        ],
    ),
    (
        "sftp.host_key_format",
        [
            "this is no fingerprint: enter SHA256:…, as ssh-keygen -lf shows it",
            "ce n’est pas une empreinte : saisissez SHA256:…, comme ssh-keygen -lf la montre",
        ],
    ),
    (
        "sftp.unreachable",
        [
            "the server cannot be reached: look at host, port and firewall",
            "le serveur ne peut pas être joint : regardez l’hôte, le port et le pare-feu",
        ],
    ),
    (
        "sftp.handshake",
        [
            "the server offers no way of encryption that is safe today: have it updated",
            "le serveur n’offre aucun chiffrement sûr aujourd’hui : faites-le mettre à jour",
        ],
    ),
    (
        "file.no_root",
        [
            "this installation watches no folders: have the operator set files_dir",
            "cette installation ne surveille aucun dossier : faites régler files_dir par l’exploitant",
        ],
    ),
];
