//! The file of a deny list: one line of JSON for each entry. A new denial is appended. The file is
//! replaced if most of its lines have no effect.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_core::on_file_thread;
use tokio::sync::Mutex as AsyncMutex;

use super::{error::DenyListError, record::DenialRecord};
use crate::metrics::TARGET;

/// The time limit for appending a denial.
const APPEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The time limit for reading or replacing the whole file, which can have millions of lines.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum size of a line, in bytes.
const MAX_LINE: usize = 200;

/// The maximum number of records that wait to be appended, if the file cannot be written. If there
/// are more, the file is replaced.
const MAX_UNSAVED: usize = 10_000;

/// How many lines without effect a file can have, beyond one for each entry.
const SPARE_LINES: usize = 1024;

/// The file that saves the denials for the next start of the service.
#[derive(Debug)]
pub(super) struct DenyListFile {
    path: PathBuf,
    state: Mutex<FileState>,
    /// Locked while the file is written.
    writing: AsyncMutex<()>,
}

#[derive(Debug, Default)]
struct FileState {
    /// The records that are not in the file yet.
    unsaved: Vec<DenialRecord>,
    /// The number of lines in the file.
    lines: usize,
    /// Whether the file has to be replaced, because its last line can be incomplete.
    is_torn: bool,
    /// Whether the file has to be replaced, because more records were added than `unsaved` holds.
    has_overflowed: bool,
}

impl FileState {
    fn is_saved(&self) -> bool {
        self.unsaved.is_empty() && !self.is_torn && !self.has_overflowed
    }
}

/// The content of a file.
struct Content {
    records: Vec<DenialRecord>,
    /// Whether the last line is incomplete, because the service has ended while it was written.
    is_torn: bool,
}

impl DenyListFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, state: Mutex::default(), writing: AsyncMutex::default() }
    }

    /// Reads the file. Returns no records if there is no file yet.
    pub(super) async fn load(&self, capacity: usize) -> Result<Vec<DenialRecord>, DenyListError> {
        let path = self.path.clone();
        let max_size = (4 * capacity + 4 * SPARE_LINES) * MAX_LINE;
        let read = on_file_thread(&self.path, WHOLE_TIMEOUT, move || read(&path, max_size)).await;
        let content = match read.unwrap_or_else(|error| Err(ReadError::Io(error))) {
            Ok(content) => content,
            Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(ReadError::Io(error)) => return Err(self.failed(error)),
            Err(ReadError::Line(line)) => {
                return Err(DenyListError::InvalidFile { path: self.path.clone(), line });
            }
        };
        if content.is_torn {
            tracing::warn!(
                target: TARGET, path = %self.path.display(),
                "the last line of the deny list file is incomplete and was ignored"
            );
        }
        let mut state = self.state();
        // The loaded records are in the file, and are added again when they are inserted.
        (state.lines, state.is_torn) = (content.records.len(), content.is_torn);
        Ok(content.records)
    }

    /// Adds a record that the next call of [`save`](Self::save) saves.
    pub(super) fn add(&self, record: DenialRecord) {
        let mut state = self.state();
        if state.unsaved.len() < MAX_UNSAVED {
            state.unsaved.push(record);
        } else {
            state.has_overflowed = true;
        }
    }

    /// Forgets the records that were added: they are in the file.
    pub(super) fn mark_saved(&self) {
        let mut state = self.state();
        state.unsaved.clear();
        state.has_overflowed = false;
    }

    /// Returns whether all added records are in the file.
    pub(super) fn is_saved(&self) -> bool {
        self.state().is_saved()
    }

    /// Saves the added records, and waits until they are on the disk. `entries` is the number of
    /// entries of the list, and `all` returns them.
    ///
    /// # Cancel safety
    /// If the future is dropped, the next call saves the records again.
    pub(super) async fn save(
        &self,
        entries: usize,
        all: impl FnOnce() -> Vec<DenialRecord>,
    ) -> Result<(), DenyListError> {
        let _writing = self.writing.lock().await;
        let (added, lines, is_incomplete) = {
            let mut state = self.state();
            if state.is_saved() {
                return Ok(());
            }
            let has_overflowed = std::mem::take(&mut state.has_overflowed);
            let is_torn = std::mem::replace(&mut state.is_torn, true);
            (state.unsaved.clone(), state.lines, is_torn || has_overflowed)
        };
        let path = self.path.clone();
        let (lines, written) = if is_incomplete || lines + added.len() > 2 * entries + SPARE_LINES {
            let records = all();
            let content = text(&records);
            let replaced = on_file_thread(&self.path, WHOLE_TIMEOUT, move || replace(&path, &content)).await;
            (records.len(), replaced)
        } else {
            let content = text(&added);
            let appended = on_file_thread(&self.path, APPEND_TIMEOUT, move || append(&path, &content)).await;
            (lines + added.len(), appended)
        };
        written.and_then(|written| written).map_err(|error| self.failed(error))?;
        let mut state = self.state();
        (state.lines, state.is_torn) = (lines, false);
        state.unsaved.drain(..added.len());
        Ok(())
    }

    fn failed(&self, error: io::Error) -> DenyListError {
        DenyListError::File { path: self.path.clone(), error: Arc::new(error) }
    }

    fn state(&self) -> MutexGuard<'_, FileState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a file could not be read.
enum ReadError {
    Io(io::Error),
    /// The line with this number is not a record.
    Line(usize),
}

/// Reads a regular file of at most `max_size` bytes. Other types of files are rejected, because
/// opening a pipe would wait for another process.
fn read(path: &Path, max_size: usize) -> Result<Content, ReadError> {
    let metadata = fs::metadata(path).map_err(ReadError::Io)?;
    if !metadata.is_file() {
        return Err(ReadError::Io(io::Error::other("not a regular file")));
    }
    if metadata.len() > max_size as u64 {
        return Err(ReadError::Io(io::Error::other("the file is too large for the capacity of the list")));
    }
    let file = File::open(path).map_err(ReadError::Io)?;
    let mut reader = BufReader::new(file.take(max_size as u64));
    let (mut content, mut line) = (Content { records: Vec::new(), is_torn: false }, Vec::new());
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(ReadError::Io)? == 0 {
            return Ok(content);
        }
        let Some(json) = line.strip_suffix(b"\n") else {
            content.is_torn = true;
            return Ok(content);
        };
        let record = str::from_utf8(json).ok().and_then(|json| DenialRecord::from_json(json).ok());
        content.records.push(record.ok_or(ReadError::Line(content.records.len() + 1))?);
    }
}

/// Appends lines, and syncs them to the disk. Creates the file if it does not exist.
fn append(path: &Path, content: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let opened = options.append(true).open(path);
    let is_new = opened.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let mut file = if is_new { options.create(true).open(path)? } else { opened? };
    file.write_all(content.as_bytes())?;
    file.sync_data()?;
    if is_new { sync_folder(path) } else { Ok(()) }
}

/// Writes a temporary file in the same folder, syncs it to the disk, and renames it over the old
/// file.
fn replace(path: &Path, content: &str) -> io::Result<()> {
    let temporary = path.with_extension(format!("{:016x}.tmp", fastrand::u64(..)));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut file| file.write_all(content.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_folder(path))
}

/// Syncs the folder of a new file to the disk. Otherwise the file can have its old content, or be
/// missing, after a crash of the machine.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match File::open(folder.unwrap_or(Path::new(".")))?.sync_all() {
        // Some network file systems cannot sync a folder.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        synced => synced,
    }
}

/// Returns without an effect: only Unix can open a folder to sync it.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn text(records: &[DenialRecord]) -> String {
    let mut text = String::with_capacity(records.len() * MAX_LINE);
    for record in records {
        text.push_str(&record.to_json());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
