-- create
IF OBJECT_ID(N'[silver].[all_users]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[all_users] (
    [user_id] nvarchar(20) NOT NULL,
    [age] int NULL,
    [country] nvarchar(60) NULL,
    [subscription_type] nvarchar(30) NULL,
    [signup_date] date NULL,
    [total_watch_time_hours] decimal(9,1) NULL,
    CONSTRAINT [PK_silver_all_users] PRIMARY KEY CLUSTERED ([user_id])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[silver_all_users__20260101T000000_abcdef];
CREATE TABLE [staging].[silver_all_users__20260101T000000_abcdef] (
    [user_id] nvarchar(20) NULL,
    [age] int NULL,
    [country] nvarchar(60) NULL,
    [subscription_type] nvarchar(30) NULL,
    [signup_date] date NULL,
    [total_watch_time_hours] decimal(9,1) NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[silver_all_users__20260101T000000_abcdef] WITH (TABLOCK) ([user_id], [age], [country], [subscription_type], [signup_date], [total_watch_time_hours])
SELECT [user_id], [age], [country], [subscription_type], [signup_date], [total_watch_time_hours]
FROM (
-- Bronze holds one row a key already. Blanks are trimmed here, once, so that nothing further up has to
-- wonder whether a key or a name ends in one.
SELECT
    CAST(TRIM(u.user_id) AS nvarchar(20))             AS user_id,
    u.age                                             AS age,
    CAST(TRIM(u.country) AS nvarchar(60))             AS country,
    CAST(TRIM(u.subscription_type) AS nvarchar(30))   AS subscription_type,
    u.registration_date                               AS signup_date,
    u.total_watch_time_hours                          AS total_watch_time_hours
FROM bronze.users AS u
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[silver_all_users]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[silver_all_users] (
    [quarantine_id] nvarchar(100) NOT NULL,
    [load_id] nvarchar(64) NOT NULL,
    [quarantined_at] datetime2(3) NOT NULL,
    [source_file] nvarchar(400) NULL,
    [source_row] bigint NULL,
    [reasons] nvarchar(max) NOT NULL,
    [row_data] nvarchar(max) NOT NULL,
    [state] nvarchar(20) NOT NULL,
    [replay_load_id] nvarchar(64) NULL,
    [repairs] nvarchar(max) NULL,
    CONSTRAINT [PK_quarantine_silver_all_users] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_silver_all_users__20260101T000000_abcdef];
CREATE TABLE [staging].[held_silver_all_users__20260101T000000_abcdef] (
    [quarantine_id] nvarchar(100) NOT NULL,
    [load_id] nvarchar(64) NOT NULL,
    [quarantined_at] datetime2(3) NOT NULL,
    [source_file] nvarchar(400) NULL,
    [source_row] bigint NULL,
    [reasons] nvarchar(max) NOT NULL,
    [row_data] nvarchar(max) NOT NULL,
    [state] nvarchar(20) NOT NULL,
    [replay_load_id] nvarchar(64) NULL,
    [repairs] nvarchar(max) NULL
);

-- design
EXEC sys.sp_addextendedproperty N'MS_Description', N'Every valid user', N'SCHEMA', N'silver', N'TABLE', N'all_users';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[silver_all_users__20260101T000000_abcdef] ALTER COLUMN [user_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[silver_all_users__20260101T000000_abcdef] ADD CONSTRAINT [PK_silver_all_users__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([user_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.all_users', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.all_users', 1;
    UPDATE [quarantine].[silver_all_users] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [silver].[all_users];
    ALTER TABLE [staging].[silver_all_users__20260101T000000_abcdef] SWITCH TO [silver].[all_users];
    INSERT INTO [quarantine].[silver_all_users] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_all_users__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[all_users];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'silver.all_users', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'54654f34c1180fe8dedc3aeb8b266984', N'', N'{}', N'{"user_id": "nvarchar(20)", "age": "int", "country": "nvarchar(60)", "subscription_type": "nvarchar(30)", "signup_date": "date", "total_watch_time_hours": "decimal(9,1)"}', NULL, N'video_streaming', N'{"key": ["user_id"], "load": "replace", "partition_by": null, "reading": "", "select": "c531e3eb06b6404a", "suite": "3b337c63c9c3d6c9", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[silver_all_users__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_silver_all_users__20260101T000000_abcdef];
