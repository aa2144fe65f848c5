-- create_schema 0
IF SCHEMA_ID(N'gold') IS NULL EXEC(N'CREATE SCHEMA [gold]');

-- create_schema 1
IF SCHEMA_ID(N'o''dd]') IS NULL EXEC(N'CREATE SCHEMA [o''dd]]]');

-- create_ledger
IF OBJECT_ID(N'[ops].[loads]', N'U') IS NULL
BEGIN
CREATE TABLE [ops].[loads] (
    [load_id] nvarchar(64) NOT NULL,
    [rows_published] bigint NULL,
    CONSTRAINT [PK_ops_loads] PRIMARY KEY CLUSTERED ([load_id])
);
END;

-- grants
IF DATABASE_PRINCIPAL_ID(N'data_analyst') IS NULL CREATE ROLE [data_analyst];
GRANT SELECT ON SCHEMA::[gold] TO [data_analyst];
GRANT SELECT ON OBJECT::[dbo].[gold_user_facts] TO [data_analyst];
GRANT SELECT ON OBJECT::[dbo].[gold_summary] TO [data_analyst];
GRANT SELECT ON OBJECT::[dbo].[o'dd]]] TO [data_analyst];
GRANT SELECT ON OBJECT::[dbo].[o'dd]]] TO [data_analyst];
GRANT SELECT ON OBJECT::[dbo].[o'dd]]] TO [data_analyst];
GRANT SELECT ON OBJECT::[dbo].[o'dd]]] TO [data_analyst];
GRANT SELECT ON OBJECT::[dbo].[o'dd]]] TO [data_analyst];

-- janitor
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @drop nvarchar(max);
DECLARE @left TABLE ([object] nvarchar(300) NOT NULL, [load_id] nvarchar(128) NOT NULL, [kind] nvarchar(5) NOT NULL);
INSERT INTO @left ([object], [load_id], [kind])
SELECT QUOTENAME([s].[name]) + N'.' + QUOTENAME([o].[name]),
    RIGHT([o].[name], CHARINDEX(N'__', REVERSE([o].[name])) - 1),
    CASE [o].[type] WHEN 'V' THEN N'VIEW' ELSE N'TABLE' END
FROM sys.objects AS [o]
INNER JOIN sys.schemas AS [s] ON [s].[schema_id] = [o].[schema_id]
WHERE [s].[name] = N'staging'
    AND [o].[type] IN ('U', 'V')
    AND [o].[name] LIKE N'%[_][_]%'
    AND [o].[create_date] < DATEADD(minute, -60, GETDATE());
DELETE FROM @left
WHERE [load_id] IN (SELECT [load_id] FROM [ops].[loads] WHERE [rows_published] IS NULL)
    OR [load_id] IN (N'20261120T231501_4f3a9c', N'it''s');
SELECT @drop = STRING_AGG(CAST(N'DROP ' + [kind] + N' IF EXISTS ' + [object] + N';' AS nvarchar(max)), N' ') FROM @left;
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;
SELECT [object], [load_id] FROM @left ORDER BY [object];

-- take_lock
DECLARE @lock int;
EXEC @lock = sys.sp_getapplock @Resource = N'medallion:the warehouse', @LockMode = N'Exclusive',
    @LockOwner = N'Session', @LockTimeout = 60000;
SELECT @lock AS [granted];

-- release_lock
EXEC sys.sp_releaseapplock @Resource = N'medallion:the warehouse', @LockOwner = N'Session';
