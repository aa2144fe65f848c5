-- create_table
IF OBJECT_ID(N'[silver].[known]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[known] (
    [load_id] nvarchar(64) NOT NULL,
    [valid_from] datetime2(3) NOT NULL,
    [valid_to] datetime2(3) NULL,
    [is_current] bit NOT NULL,
    CONSTRAINT [PK_silver_known] PRIMARY KEY CLUSTERED ([load_id], [valid_from])
);
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[silver_known__20261120T231501_4f3a9c];
CREATE TABLE [staging].[silver_known__20261120T231501_4f3a9c] (
    [load_id] nvarchar(64) NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_silver_known__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_silver_known__20261120T231501_4f3a9c] (
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

-- hold
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @held bigint, @moved bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    INSERT INTO [staging].[held_silver_known__20261120T231501_4f3a9c] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20261120T231501_4f3a9c',
        SYSUTCDATETIME(),
        NULL,
        NULL,
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max)),
            CASE WHEN ([load_id] IS NULL) THEN N',"the key''s \"part\" isn''t there: [load_id] IS NULL"' END), 1, 1, N'') + N']',
        (SELECT [load_id] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [staging].[silver_known__20261120T231501_4f3a9c]
    WHERE ([load_id] IS NULL);
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [staging].[silver_known__20261120T231501_4f3a9c] WITH (TABLOCK)
    WHERE ([load_id] IS NULL);
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in silver.known', 1;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @held AS [held];

-- dedupe
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @dropped bigint;
WITH [ranked] AS (
    SELECT ROW_NUMBER() OVER (PARTITION BY [load_id] ORDER BY [load_id] DESC) AS [rank]
    FROM [staging].[silver_known__20261120T231501_4f3a9c]
    WHERE [load_id] IS NOT NULL
)
DELETE FROM [ranked] WHERE [rank] > 1;
SET @dropped = ROWCOUNT_BIG();
SELECT @dropped AS [dropped];

-- lay_whole
SET NOCOUNT ON;
DROP TABLE IF EXISTS [staging].[silver_known__whole_20261120T231501_4f3a9c];
SELECT [load_id]
INTO [staging].[silver_known__whole_20261120T231501_4f3a9c]
FROM (
    SELECT
        [old].[load_id]
    FROM [silver].[known] AS [old]
    UNION ALL
    SELECT [load_id] FROM [staging].[silver_known__20261120T231501_4f3a9c]
) AS [whole];

-- create_aside
DROP TABLE IF EXISTS [staging].[silver_known__kept_20261120T231501_4f3a9c];
SELECT [load_id] INTO [staging].[silver_known__kept_20261120T231501_4f3a9c] FROM [silver].[known];

-- create_back
INSERT INTO [silver].[known] ([load_id], [valid_from], [valid_to], [is_current])
SELECT [load_id], CAST('2026-11-20T23:15:01.123' AS datetime2(3)), NULL, 1 FROM [staging].[silver_known__kept_20261120T231501_4f3a9c];
DROP TABLE [staging].[silver_known__kept_20261120T231501_4f3a9c];

-- lost
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[load_id], CAST(1 AS bigint) AS [side]
        FROM [silver].[known] AS [old]
        WHERE [old].[is_current] = 1
        UNION ALL
        SELECT [new].[load_id], CAST(-1 AS bigint) FROM [staging].[silver_known__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [load_id]
    HAVING SUM([side]) > 0
) AS [gone];

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[silver_known__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.known', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.known', 1;
    SELECT @before = COUNT_BIG(*) FROM [silver].[known];
    UPDATE [quarantine].[silver_known] SET [state] = N'superseded' WHERE [state] = N'held';
    SELECT @unchanged = COUNT_BIG(*)
    FROM [staging].[silver_known__20261120T231501_4f3a9c] AS [new]
    INNER JOIN [silver].[known] AS [old] WITH (UPDLOCK, HOLDLOCK) ON [old].[load_id] = [new].[load_id]
    WHERE [old].[is_current] = 1;
    UPDATE [old]
    SET [old].[valid_to] = CAST('2026-11-20T23:15:01.123' AS datetime2(3)), [old].[is_current] = 0
    FROM [silver].[known] AS [old] WITH (UPDLOCK, HOLDLOCK)
    LEFT JOIN [staging].[silver_known__20261120T231501_4f3a9c] AS [new] ON [new].[load_id] = [old].[load_id]
    WHERE [old].[is_current] = 1
        AND ([new].[load_id] IS NULL)
        -- a row in quarantine is not gone
        AND NOT ([new].[load_id] IS NULL AND EXISTS (SELECT 1 FROM [staging].[held_silver_known__20261120T231501_4f3a9c] AS [quarantined] WHERE [old].[load_id] = TRY_CONVERT(nvarchar(64), JSON_VALUE([quarantined].[row_data], N'$."load_id"'))));
    SET @closed = ROWCOUNT_BIG();
    INSERT INTO [silver].[known] ([load_id], [valid_from], [valid_to], [is_current])
    SELECT [new].[load_id], CAST('2026-11-20T23:15:01.123' AS datetime2(3)), NULL, 1
    FROM [staging].[silver_known__20261120T231501_4f3a9c] AS [new]
    WHERE NOT EXISTS (
        SELECT 1 FROM [silver].[known] AS [old] WITH (UPDLOCK, HOLDLOCK)
        WHERE [old].[load_id] = [new].[load_id] AND [old].[is_current] = 1
    );
    SET @inserted = ROWCOUNT_BIG();
    INSERT INTO [quarantine].[silver_known] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_known__20261120T231501_4f3a9c];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[known];
    INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'20261120T231501_4f3a9c', @inserted + @updated);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop_staging
DROP TABLE IF EXISTS [staging].[silver_known__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_silver_known__20261120T231501_4f3a9c];
