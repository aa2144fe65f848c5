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
SELECT @drop = STRING_AGG(CAST(N'DROP ' + [kind] + N' IF EXISTS ' + [object] + N';' AS nvarchar(max)), N' ')
    WITHIN GROUP (ORDER BY CASE [kind] WHEN N'VIEW' THEN 0 ELSE 1 END) FROM @left;
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;
SELECT [object], [load_id] FROM @left ORDER BY [object];

-- take_lock
DECLARE @lock int;
EXEC @lock = sys.sp_getapplock @Resource = N'medallion:the warehouse', @LockMode = N'Exclusive',
    @LockOwner = N'Session', @LockTimeout = 60000;
SELECT @lock AS [granted];

-- release_lock
EXEC sys.sp_releaseapplock @Resource = N'medallion:the warehouse', @LockOwner = N'Session';

-- removal 0
SET XACT_ABORT ON; BEGIN TRANSACTION;

-- removal 1
DROP VIEW IF EXISTS [dbo].[Old Orders];

-- removal 2
DROP TABLE IF EXISTS [gold].[old];

-- removal 3
DROP TABLE IF EXISTS [quarantine].[gold_old];

-- removal 4
DECLARE @drop nvarchar(max);
SELECT @drop = STRING_AGG(CAST(N'DROP PARTITION SCHEME ' + QUOTENAME([s].[name]) + N'; DROP PARTITION FUNCTION ' + QUOTENAME([f].[name]) + N';' AS nvarchar(max)), N' ')
FROM sys.partition_schemes AS [s]
INNER JOIN sys.partition_functions AS [f] ON [f].[function_id] = [s].[function_id]
WHERE LEFT([s].[name], 7) = N'mdl_ps_'
    AND NOT EXISTS (SELECT 1 FROM sys.indexes AS [i] WHERE [i].[data_space_id] = [s].[data_space_id]);
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;

-- readers
SELECT SCHEMA_NAME([o].[schema_id]) + N'.' + [o].[name] AS [reader], [m].[definition] AS [text]
FROM sys.sql_modules AS [m]
INNER JOIN sys.objects AS [o] ON [o].[object_id] = [m].[object_id]
WHERE ([o].[type] = 'V' OR [m].[is_schema_bound] = 1) AND [m].[definition] IS NOT NULL
UNION ALL
SELECT OBJECT_SCHEMA_NAME([parent_object_id]) + N'.' + OBJECT_NAME([parent_object_id]),
    OBJECT_SCHEMA_NAME([referenced_object_id]) + N'.' + OBJECT_NAME([referenced_object_id])
FROM sys.foreign_keys WHERE [parent_object_id] <> [referenced_object_id];
