package dev.tern.cli;

import picocli.CommandLine.Command;

/** Groups the benchmarks. */
@Command(name = "bench", description = "Measures.", synopsisSubcommandLabel = "COMMAND")
final class Bench {}
