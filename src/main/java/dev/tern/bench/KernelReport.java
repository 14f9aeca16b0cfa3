package dev.tern.bench;

import java.util.List;
import java.util.Map;

/**
 * A run of {@code tern bench kernel}: what its JSON file holds.
 *
 * @param machine name of the processor, cores, operating system, Java
 * @param device "cpu" or "cuda:N"
 * @param deviceName as a driver or the system calls it
 * @param description the device's own, as JSON
 * @param options of the command line, by name
 * @param datasheet null if the device is not in the table
 * @param notes of the whole run: peers that are missing, noise
 */
public record KernelReport(String version, String date, Map<String, String> machine, String device, String deviceName, String description,
    Map<String, String> options, Ceilings ceilings, Datasheet datasheet, List<String> notes, List<KernelResult> results) {
  public KernelReport {
    machine = Map.copyOf(machine);
    options = Map.copyOf(options);
    notes = List.copyOf(notes);
    results = List.copyOf(results);
  }
}
