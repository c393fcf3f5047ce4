import { DEFAULT_NAME, type Region } from './config.js';

export const DATABASE = 'auroraglobaldb';
export const MASTER_USER = 'postgres';
export const POSTGRES_PORT = 5432;
/** The functions' own metrics; see docs/reference/functions.md. */
export const METRIC_NAMESPACE = 'AuroraGlobalDB/Failover';

/** The physical names of one copy of the system. Two copies never share one. */
export class Names {
  constructor(private readonly name: string) {}

  /**
   * Stacks and functions of the default copy carry their bare names, which are those of the local
   * platform; another copy's begin with its name.
   */
  private prefixed(bare: string): string {
    return this.name === DEFAULT_NAME ? bare : `${this.name}-${bare}`;
  }

  stack(id: string): string { return this.prefixed(id); }
  function(bare: string): string { return this.prefixed(bare); }
  get globalCluster(): string { return `${this.name}-db`; }
  cluster(region: Region): string { return `${this.name}-db-${region}`; }
  /** The first is 1. */
  instance(region: Region, number: number): string { return `${this.cluster(region)}-${number}`; }
  get secret(): string { return `${this.name}/credentials`; }
  get keyAlias(): string { return `alias/${this.name}`; }
  get api(): string { return `${this.name}-failover`; }
  get topic(): string { return `${this.name}-alarms`; }
  get deadLetters(): string { return `${this.name}-failover-dead-letters`; }
  dashboard(region: Region): string { return `${this.name}-${region}`; }
  alarm(bare: string): string { return `${this.name}-${bare}`; }
}
