//! The `rosterd` binary.

/// A write allocates thousands of small texts; the system's allocator took a fifth of the writer's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rosterd::cli::main()
}
