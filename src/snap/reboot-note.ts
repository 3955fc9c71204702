/** Says that a reboot is needed, as Debian packages do: /run/reboot-required and /run/reboot-required.pkgs. */
export interface RebootNote {
  /** Write the note when the next boot starts another boot environment than runs now or a boot set that is not running; take belay's own back otherwise. */
  bringUpToDate(text: string): Promise<void>
  isSet(): Promise<boolean>
}
