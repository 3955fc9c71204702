const OWN_NAME = 'belay'
const OWN_TEXT = '*** belay '

/**
 * Whether a package asked for the reboot that /run/reboot-required tells of, and not belay alone: after an upgrade belay leaves its own note there before
 * anybody knows whether it has to stay.
 * @param flag text of /run/reboot-required
 * @param names text of /run/reboot-required.pkgs, a name on each line (update-notifier-common, unattended-upgrades); empty when there is none
 */
export const packagesAskForReboot = (flag: string, names: string): boolean =>
  names.split('\n').some((name) => name !== '' && name !== OWN_NAME) || !flag.startsWith(OWN_TEXT)
