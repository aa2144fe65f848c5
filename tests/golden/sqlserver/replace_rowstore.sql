-- create_table
IF OBJECT_ID(N'[silver].[people]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[people] (
    [id] nvarchar(20) NOT NULL,
    [name] nvarchar(60) NULL,
    CONSTRAINT [PK_silver_people] PRIMARY KEY CLUSTERED ([id])
);
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[silver_people__20261120T231501_4f3a9c];
CREATE TABLE [staging].[silver_people__20261120T231501_4f3a9c] (
    [id] nvarchar(20) NULL,
    [name] nvarchar(60) NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_silver_people__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_silver_people__20261120T231501_4f3a9c] (
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

-- build
SET XACT_ABORT ON;
WITH [ranked] ([id], [name], [n]) AS (
    SELECT [id], [name], ROW_NUMBER() OVER (ORDER BY [id]) FROM [bronze].[people] -- all)
),
[first] AS (SELECT [id], [name] FROM [ranked] WHERE [n] = 1)
INSERT INTO [staging].[silver_people__20261120T231501_4f3a9c] WITH (TABLOCK) ([id], [name])
SELECT [id], [name]
FROM (
SELECT [name], [id] FROM [first]
) AS [built];

-- hold
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @held bigint, @moved bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    INSERT INTO [staging].[held_silver_people__20261120T231501_4f3a9c] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20261120T231501_4f3a9c',
        SYSUTCDATETIME(),
        NULL,
        NULL,
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max)),
            CASE WHEN ([id] IS NULL) THEN N',"the key''s \"part\" isn''t there: [id] IS NULL"' END), 1, 1, N'') + N']',
        (SELECT [id], [name] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [staging].[silver_people__20261120T231501_4f3a9c]
    WHERE ([id] IS NULL);
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [staging].[silver_people__20261120T231501_4f3a9c] WITH (TABLOCK)
    WHERE ([id] IS NULL);
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in silver.people', 1;
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
    SELECT ROW_NUMBER() OVER (PARTITION BY [id] ORDER BY [name] DESC) AS [rank]
    FROM [staging].[silver_people__20261120T231501_4f3a9c]
    WHERE [id] IS NOT NULL
)
DELETE FROM [ranked] WHERE [rank] > 1;
SET @dropped = ROWCOUNT_BIG();
SELECT @dropped AS [dropped];

-- seal
SET XACT_ABORT ON;
ALTER TABLE [staging].[silver_people__20261120T231501_4f3a9c] ALTER COLUMN [id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[silver_people__20261120T231501_4f3a9c] ADD CONSTRAINT [PK_silver_people__20261120T231501_4f3a9c] PRIMARY KEY CLUSTERED ([id]);

-- lost
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[id], CAST(1 AS bigint) AS [side]
        FROM [silver].[people] AS [old]
        WHERE 1 = 1
        UNION ALL
        SELECT [new].[id], CAST(-1 AS bigint) FROM [staging].[silver_people__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [id]
    HAVING SUM([side]) > 0
) AS [gone];

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[silver_people__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.people', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.people', 1;
    UPDATE [quarantine].[silver_people] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [silver].[people];
    ALTER TABLE [staging].[silver_people__20261120T231501_4f3a9c] SWITCH TO [silver].[people];
    INSERT INTO [quarantine].[silver_people] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_people__20261120T231501_4f3a9c];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[people];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'20261120T231501_4f3a9c', @inserted + @updated);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias_view
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[silver_people]
AS
SELECT [id], [name]
FROM [silver].[people];';

-- drop_staging
DROP TABLE IF EXISTS [staging].[silver_people__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_silver_people__20261120T231501_4f3a9c];
